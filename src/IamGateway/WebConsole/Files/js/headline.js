// The first line: is the guarantee kept, is anybody refused, where are the sessions.
import { byId, h, show } from './dom.js';
import { count, plural } from './format.js';
import { active, colour, state } from './state.js';
import { tilesOf } from './tiles.js';

let said = '';

export function draw() {
  const { status, problem } = state;
  if (!status) {
    show(byId('headline'), h('p', { class: 'quiet' }, problem ? '' : 'Looking…'));
    return;
  }
  const tiles = tilesOf(state);
  show(byId('headline'), tiles.map(tile), sessions());
  const bad = tiles.filter((t) => t.state === 'warn' || t.state === 'bad');
  document.title = `${bad.length ? '⚠ ' : ''}${title()} – IamGateway`;
  const sentence = bad.map((t) => `${t.head}. ${t.text}`).join(' ') || 'Everything is well.';
  if (sentence !== said) show(byId('live'), sentence);
  said = sentence;
}

const signs = { ok: '✓', warn: '!', bad: '✕', unknown: '?' };

function tile({ key, head, text, state: kind }) {
  return h(
    'div',
    { class: `tile ${kind}`, 'data-key': key },
    h('span', { class: 'sign', 'aria-hidden': 'true' }, signs[kind]),
    h('div', {}, h('strong', {}, head), h('span', { class: 'quiet' }, text)),
  );
}

function sessions() {
  // They are counted in the store.
  const all = state.status.store.up ? active() : [];
  const total = all.reduce((sum, v) => sum + v.sessions, 0);
  const places = all.map((v) => `${v.version} ${count(v.sessions)}`);
  const [head, text] =
    all.length === 0
      ? ['Sessions not known', 'the store counts them']
      : [plural(total, 'session'), total === 0 ? 'No session yet' : places.join(' · ')];
  return h(
    'div',
    { class: 'tile where', 'data-key': 'where' },
    h('div', {}, h('strong', {}, head), h('span', { class: 'quiet' }, text)),
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
