import assert from 'node:assert/strict';
import { test } from 'node:test';
import { at, count, list, percent, plural, seconds, span } from '../../../src/IamGateway/WebConsole/Files/js/format.js';

const is = (name, cases, of) =>
  test(name, () => cases.forEach(([value, text]) => assert.equal(of(value), text, `${value}`)));

is('count', [[0, '0'], [1234567, '1,234,567'], [null, '0'], [1.6, '2']], count);
is('percent', [[0, '0 %'], [0.0123, '1.23 %'], [1, '100 %'], [0.00001, '0 %']], percent);
is('seconds', [[null, '–'], [0, '–'], [0.0034, '3.4 ms'], [0.25, '250 ms'], [1.5, '1.50 s']], seconds);
is(
  'span',
  [
    [0, '0s'],
    [-5, '0s'],
    [1, '1s'],
    [42_000, '42s'],
    [372_000, '6m 12s'],
    [8 * 3_600_000, '8h'],
    [27 * 3_600_000, '1d 3h'],
    [86_400_000 + 1000, '1d'],
  ],
  span,
);
is('list', [[[], ''], [['a'], 'a'], [['a', 'b'], 'a and b'], [['a', 'b', 'c'], 'a, b and c']], list);

test('plural', () => {
  assert.equal(plural(1, 'session'), '1 session');
  assert.equal(plural(0, 'session'), '0 sessions');
  assert.equal(plural(2, 'reply', 'replies'), '2 replies');
});

test('at shows the day of another day only', () => {
  const now = new Date();
  assert.match(at(now.toISOString()), /^\d\d:\d\d:\d\d$/);
  assert.match(at('2020-02-03T12:00:00Z'), /^2020-02-0[234] \d\d:\d\d:\d\d$/);
});
