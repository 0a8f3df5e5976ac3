import assert from 'node:assert/strict';
import { test } from 'node:test';
import { append } from '../../../src/IamGateway/WebConsole/Files/js/history.js';

const empty = () => ({ interval: 5, at: [], refusals: [], migrations: [], versions: new Map() });

// Points at these times of one version, whose figures are the times themselves.
function reply(version, at) {
  const columns = Object.fromEntries(['sessions', 'requests', 'errors', 'p50', 'p99'].map((c) => [c, [...at]]));
  return {
    interval: 5,
    at,
    refusals: at.map(() => 0),
    migrations: at.map(() => 1),
    versions: [{ version, ...columns }],
    totalRefusals: 3,
    totalViolations: null,
  };
}

test('points that are known already are left out', () => {
  const history = empty();
  append(history, reply('1.0.0', [100, 105]));
  append(history, reply('1.0.0', [105, 110]));
  append(history, reply('1.0.0', [106]));
  assert.deepEqual(history.at, [100, 105, 110]);
  assert.deepEqual(history.versions.get('1.0.0').p99, [100, 105, 110]);
  assert.deepEqual([history.totalRefusals, history.totalViolations], [3, null]);
});

test('a version that comes later or goes has no figures where it was not', () => {
  const history = empty();
  append(history, reply('1.0.0', [100, 105]));
  append(history, reply('2.0.0', [110]));
  assert.deepEqual(history.versions.get('1.0.0').sessions, [100, 105, null]);
  assert.deepEqual(history.versions.get('2.0.0').sessions, [null, null, 110]);
});

test('an hour is kept, and nothing of a version that was in none of it', () => {
  const history = empty();
  append(history, reply('1.0.0', [0]));
  append(history, reply('2.0.0', Array.from({ length: 720 }, (_, i) => 5 + i * 5)));
  assert.equal(history.at.length, 720);
  assert.equal(history.at[0], 5);
  assert.deepEqual([...history.versions.keys()], ['2.0.0']);
  for (const column of Object.values(history.versions.get('2.0.0'))) assert.equal(column.length, 720);
});
