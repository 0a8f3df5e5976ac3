import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tilesOf } from '../../../src/IamGateway/WebConsole/Files/js/tiles.js';

const well = () => ({
  status: { store: { up: true }, revision: 7 },
  replicas: [{ name: 'a' }, { name: 'b' }],
  instances: [{ id: 'old', state: 'active', health: 'healthy' }],
  history: { refusals: [0, 0], interval: 5, totalRefusals: 0, totalViolations: 0 },
});

function tile(key, change) {
  const state = well();
  change?.(state);
  const { state: kind, head, text } = tilesOf(state).find((t) => t.key === key);
  return `${kind}: ${head} (${text})`;
}

const cases = [
  ['guarantee', null, 'ok: Guarantee kept (0 violations)'],
  [
    'guarantee',
    (s) => (s.history.totalViolations = null),
    'unknown: Violations not measured (set Versions:Discovery:ResponseHeader)',
  ],
  [
    'guarantee',
    (s) => (s.history.totalViolations = 1),
    "bad: Guarantee broken (1 response of a version below the session's)",
  ],
  ['refusals', null, 'ok: Nobody is refused (0 refusals)'],
  ['refusals', (s) => (s.history.totalRefusals = 2), 'ok: Nobody is refused (2 refusals earlier)'],
  ['refusals', (s) => (s.history.refusals = [0, 0.4]), 'bad: Requests are refused (2 in the last minute)'],
  [
    'refusals',
    (s) => (s.history.refusals = [9, ...new Array(12).fill(0)]),
    'ok: Nobody is refused (0 refusals)',
  ],
  ['whole', null, 'ok: Store and replicas well (2 replicas, revision 7)'],
  ['whole', (s) => (s.status.store.up = false), 'bad: Store is away (see below)'],
  ['whole', (s) => (s.replicas[1].silent = true), 'warn: Replica is silent (b)'],
  [
    'whole',
    (s) => Object.assign(s.replicas[1], { silent: true, forgotten: true }),
    'ok: Store and replicas well (1 replica, revision 7)',
  ],
  ['whole', (s) => (s.instances[0].health = 'unhealthy'), 'warn: Instance is out (old)'],
  ['whole', (s) => (s.instances[0].state = 'quarantined'), 'warn: Instance is out (old)'],
];

for (const [key, change, expected] of cases) test(expected, () => assert.equal(tile(key, change), expected));
