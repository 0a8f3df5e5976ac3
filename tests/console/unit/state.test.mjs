import assert from 'node:assert/strict';
import { test } from 'node:test';
import { active, colour, gate, may, state } from '../../../src/IamGateway/WebConsole/Files/js/state.js';

const roles = ['viewer', 'operator', 'admin'];

test('a role includes those below it, and nobody has none', () => {
  for (const [i, own] of roles.entries()) {
    state.me = { role: own };
    assert.deepEqual(roles.map(may), roles.map((_, j) => j <= i));
  }
  state.me = null;
  assert.deepEqual(roles.map(may), [false, false, false]);
});

test('a button is there for whom it is for, and says what else is in its way', () => {
  state.me = { role: 'viewer' };
  assert.deepEqual(gate('operator', 'Wait.'), { hidden: true, disabled: true });
  state.me = { role: 'admin' };
  assert.deepEqual(gate('operator'), {});
  assert.deepEqual(gate('operator', 'Wait.'), { disabled: true, title: 'Wait.' });
});

test('versions beside each other differ in colour, and keep it', () => {
  const names = ['1.0.0', '1.1.0', '2.0.0', '2.1.0', '3.0.0'];
  state.status = { versions: names.map((version) => ({ version, state: 'retired' })) };
  assert.deepEqual(names.map(colour), [0, 1, 2, 3, 0]);
  assert.equal(colour('9.9.9'), 0);
  assert.deepEqual(active(), []);
});
