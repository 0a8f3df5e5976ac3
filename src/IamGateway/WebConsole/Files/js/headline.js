// The first line: is the guarantee kept, is anybody refused, where are the sessions.
import { byId, h, show } from './dom.js';
import { count, list, plural } from './format.js';
import { active, colour, state } from './state.js';

const minute = 60;
let said = '';

export function draw() {
  const { status, history, problem } = state;
  if (!status) {
    show(byId('headline'), h('p', { class: 'quiet' }, problem ? '' : 'Looking…'));
    return;
  }
  const tiles = [guarantee(history), refusals(history), whole(status)];
  show(byId('headline'), tiles.map(tile), sessions());
  const bad = tiles.filter((t) => t.state !== 'ok');
  document.title = `${bad.length ? '⚠ ' : ''}${title()} – IamGateway`;
  const sentence = bad.map((t) => `${t.head}. ${t.text}`).join(' ') || 'Everything is well.';
  if (sentence !== said) show(byId('live'), sentence);
  said = sentence;
}

const signs = { ok: '✓', warn: '!', bad: '✕' };

function tile({ key, head, text, state: kind }) {
  return h(
    'div',
    { class: `tile ${kind}`, 'data-key': key },
    h('span', { class: 'sign', 'aria-hidden': 'true' }, signs[kind]),
    h('div', {}, h('strong', {}, head), h('span', { class: 'quiet' }, text)),
  );
}

function guarantee({ totalViolations: n }) {
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

function whole({ store, revision }) {
  const alive = state.replicas.filter((r) => !r.forgotten);
  const silent = alive.filter((r) => r.silent);
  if (!store.up) return { key: 'whole', state: 'bad', head: 'Store is away', text: 'see below' };
  if (silent.length > 0) {
    return { key: 'whole', state: 'warn', head: 'Replica is silent', text: list(silent.map((r) => r.name)) };
  }
  const away = state.instances.filter((i) => i.state === 'quarantined' || i.health === 'unhealthy');
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

function sessions() {
  const all = active();
  const total = all.reduce((sum, v) => sum + v.sessions, 0);
  const text = total === 0 ? 'No session yet' : all.map((v) => `${v.version} ${count(v.sessions)}`).join(' · ');
  return h(
    'div',
    { class: 'tile where', 'data-key': 'where' },
    h('div', {}, h('strong', {}, plural(total, 'session')), h('span', { class: 'quiet' }, text)),
    h(
      'div',
      { class: 'bar', 'aria-hidden': 'true' },
      all.map((v) =>
        h('i', {
          class: `v${colour(v.version)}`,
          share: total === 0 ? 0 : v.sessions / total,
          'data-key': v.version,
        }),
      ),
    ),
  );
}

function title() {
  const rollout = state.status.rollout;
  if (!rollout) return state.status.newestActive;
  const step = rollout.steps[rollout.step];
  return `${rollout.to} ${step ? `${step.weight} %` : ''} ${rollout.state}`;
}
