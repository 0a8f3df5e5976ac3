// What the first line says: is the guarantee kept, is anybody refused, is everybody there.
import { count, list, plural } from './format.js';

const minute = 60;

export const tilesOf = (state) => [guarantee(state.history), refusals(state.history), whole(state)];

// Null: no response says which version made it, so that nothing would show a violation.
function guarantee({ totalViolations: n }) {
  if (n === null) {
    return {
      key: 'guarantee',
      state: 'unknown',
      head: 'Violations not measured',
      text: 'set Versions:Discovery:ResponseHeader',
    };
  }
  return n === 0
    ? { key: 'guarantee', state: 'ok', head: 'Guarantee kept', text: '0 violations' }
    : {
        key: 'guarantee',
        state: 'bad',
        head: 'Guarantee broken',
        text: `${plural(n, 'response')} of a version below the session's`,
      };
}

// What was refused in the last minute.
function refusals({ refusals: rates, interval, totalRefusals }) {
  const last = rates.slice(-Math.round(minute / interval));
  const n = last.reduce((sum, rate) => sum + rate * interval, 0);
  return n < 0.5
    ? { key: 'refusals', state: 'ok', head: 'Nobody is refused', text: past(totalRefusals) }
    : { key: 'refusals', state: 'bad', head: 'Requests are refused', text: `${count(n)} in the last minute` };
}

const past = (n) => (n === 0 ? '0 refusals' : `${plural(n, 'refusal')} earlier`);

function whole({ status: { store, revision }, replicas, instances }) {
  const alive = replicas.filter((r) => !r.forgotten);
  const silent = alive.filter((r) => r.silent);
  if (!store.up) return { key: 'whole', state: 'bad', head: 'Store is away', text: 'see below' };
  if (silent.length > 0) {
    return { key: 'whole', state: 'warn', head: 'Replica is silent', text: list(silent.map((r) => r.name)) };
  }
  const away = instances.filter((i) => i.state === 'quarantined' || i.health === 'unhealthy');
  if (away.length > 0) {
    return {
      key: 'whole',
      state: 'warn',
      head: away.length === 1 ? 'Instance is out' : `${away.length} instances are out`,
      text: list(away.map((i) => i.id)),
    };
  }
  return {
    key: 'whole',
    state: 'ok',
    head: 'Store and replicas well',
    text: `${plural(alive.length, 'replica')}, revision ${revision}`,
  };
}
