import assert from 'node:assert/strict';
import { test } from 'node:test';
import { preview } from '../../../src/IamGateway/WebConsole/Files/js/preview.js';

const say = (change = {}) =>
  preview({
    older: { version: '8.2.1', sessions: 1000 },
    newer: { version: '8.3.0', sessions: 200, isActive: true },
    from: 20,
    to: 50,
    migrates: true,
    pausesRollout: false,
    ...change,
  });

test('a higher weight says about how many sessions move', () =>
  assert.equal(
    say(),
    '50 % of new sessions go to 8.3.0. ' +
      'About 400 of 1,000 sessions on 8.2.1 move up, with their next request that finds them at rest.',
  ));

test('a lower weight moves nobody back', () =>
  assert.equal(
    say({ to: 5 }),
    '5 % of new sessions go to 8.3.0. About none of the 1,000 sessions on 8.2.1 moves; nobody goes back.',
  ));

test('weight 100 moves all of them, exactly', () =>
  assert.match(say({ to: 100 }), /^All new sessions go to 8\.3\.0\. All 1,000 sessions on 8\.2\.1 move up,/));

test('weight 0 leaves those that have moved', () => {
  assert.equal(
    say({ to: 0 }),
    'New sessions go to 8.2.1. The 200 sessions on 8.3.0 stay there: nobody goes back.',
  );
  assert.equal(
    say({ to: 0, newer: { version: '8.3.0', sessions: 0, isActive: true } }),
    'New sessions go to 8.2.1.',
  );
});

test('the present weights change nothing', () =>
  assert.equal(say({ to: 20 }), 'These are the present weights.'));

test('a version that is not active yet becomes so with its first share', () => {
  const newer = { version: '8.3.0', sessions: 0, isActive: false };
  assert.match(say({ newer, from: 0, to: 1 }), /^8\.3\.0 becomes active\. 1 % of new sessions/);
  assert.equal(say({ newer, from: 0, to: 0 }), 'These are the present weights.');
});

test('sessions that stay are told to stay', () =>
  assert.equal(
    say({ migrates: false }),
    '50 % of new sessions go to 8.3.0. Existing sessions stay where they are.',
  ));

test('a rollout under way is paused by it', () =>
  assert.match(say({ pausesRollout: true }), /The rollout under way is paused by it\.$/));

test('one session is one session', () =>
  assert.match(
    say({ older: { version: '8.2.1', sessions: 1 }, to: 100 }),
    /All 1 session on 8\.2\.1 move up/,
  ));

test('no more move than there are', () =>
  assert.match(
    say({
      older: { version: '8.2.1', sessions: 10 },
      newer: { version: '8.3.0', sessions: 0, isActive: true },
      to: 99,
    }),
    /About 10 of 10 sessions/,
  ));
