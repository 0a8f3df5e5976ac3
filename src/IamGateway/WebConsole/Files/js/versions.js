// Versions, and the slider that sets their weights.
import { call, part, post } from './api.js';
import { ask } from './dialog.js';
import { byId, h, on, show } from './dom.js';
import { count, list, number, percent, plural, seconds } from './format.js';
import { attempt, say } from './notice.js';
import { look } from './poll.js';
import { preview } from './preview.js';
import { active, colour, gate, may, running, state, versions } from './state.js';

// What somebody is about to set; null: the slider shows what is.
let wish = null;

const columns = [
  'Version',
  'State',
  'Weight',
  'Sessions',
  'Requests',
  'Errors',
  'p99',
  'In flight',
  'Instances',
  '',
];

export function draw() {
  if (!state.status) return;
  show(
    byId('versions'),
    h(
      'table',
      { role: 'table' },
      h(
        'thead',
        {},
        h(
          'tr',
          { role: 'row' },
          columns.map((c, i) =>
            h(
              'th',
              { role: 'columnheader', scope: 'col', class: i > 1 && i < 9 ? 'number' : null },
              c || h('span', { class: 'hidden' }, 'Actions'),
            ),
          ),
        ),
      ),
      h('tbody', {}, [...versions()].reverse().map(row)),
    ),
  );
  drawWeights();
}

function row(version) {
  const isLive = version.state === 'active' || version.state === 'draining';
  const figures = lastFigures(version.version);
  const cells = [
    ['State', h('span', { class: `state ${version.state}` }, version.state)],
    ['Weight', isLive ? `${version.weight} %` : '–'],
    ['Sessions', isLive && state.status.store.up ? count(version.sessions) : '–'],
    ['Requests', isLive ? `${number(Math.round((figures.requests ?? 0) * 10) / 10)}/s` : '–'],
    ['Errors', isLive && figures.errors !== null ? percent(figures.errors) : '–'],
    ['p99', isLive ? seconds(figures.p99) : '–'],
    ['In flight', isLive ? count(version.inFlight) : '–'],
    ['Instances', count(version.instances)],
  ];
  return h(
    'tr',
    { role: 'row', class: isLive ? null : 'past', 'data-key': version.version },
    h(
      'th',
      { role: 'rowheader', scope: 'row' },
      h('i', { class: `dot v${colour(version.version)}`, 'aria-hidden': 'true' }),
      version.version,
    ),
    cells.map(([name, value], i) =>
      h('td', { role: 'cell', 'data-label': name, class: i > 0 ? 'number' : null }, value),
    ),
    h('td', { role: 'cell', class: 'actions' }, actions(version)),
  );
}

function lastFigures(name) {
  const figures = state.history.versions.get(name);
  const last = (column) => figures?.[column].at(-1) ?? null;
  return { requests: last('requests'), errors: last('errors'), p99: last('p99') };
}

function actions(version) {
  if (active().length < 2 || running()) return null;
  const [older, newer] = active();
  return [
    version === older &&
      h(
        'button',
        { type: 'button', 'data-do': 'retire', 'data-version': version.version, ...gate('operator') },
        'Retire…',
      ),
    version === newer &&
      h(
        'button',
        {
          type: 'button',
          class: 'danger',
          'data-do': 'revoke-version',
          'data-version': version.version,
          ...gate('admin'),
        },
        'Revoke…',
      ),
  ];
}

on('retire', (button) => {
  const name = button.getAttribute('data-version');
  const left = versions().find((v) => v.version === name)?.sessions ?? 0;
  ask({
    title: `Retire ${name}?`,
    text:
      `Its ${plural(left, 'session')} move up with their next request. ` +
      `Nothing goes to ${name} any more, and it never comes back.`,
    ok: `Retire ${name}`,
    name,
    act: () => end(name, 'retire'),
  });
});

on('revoke-version', (button) => {
  const name = button.getAttribute('data-version');
  const left = versions().find((v) => v.version === name)?.sessions ?? 0;
  ask({
    title: `Revoke ${name}?`,
    text: `All ${plural(left, 'session')} on ${name} end: these users log in again. ${name} never comes back.`,
    ok: `Revoke ${name}`,
    name,
    act: () => end(name, 'revoke', { confirm: name }),
  });
});

async function end(name, verb, body) {
  const { status } = await post(`versions/${part(name)}/${verb}`, body);
  say(status === 202 ? `${name}: under way; its requests may still end.` : `${name} is ${verb}d.`);
  await look();
}

// The two versions that weights are about: the active ones, or the active one and a higher one that is ready.
function pair() {
  const [older, newer] = active();
  if (newer) return { older, candidates: [newer] };
  const place = versions().indexOf(older);
  return {
    older,
    candidates: versions()
      .slice(place + 1)
      .filter((v) => v.state === 'registered' && v.instances > 0),
  };
}

const form = h(
  'form',
  { class: 'weights' },
  h('label', { for: 'weight' }, 'Weights'),
  h(
    'div',
    { class: 'row' },
    h('span', { id: 'weight-older', class: 'number' }),
    h('input', { id: 'weight', type: 'range', min: 0, max: 100, step: 1, 'aria-describedby': 'weight-preview' }),
    h('span', { id: 'weight-newer', class: 'number' }),
  ),
  h('p', { id: 'weight-preview', class: 'hint', 'aria-live': 'polite' }),
  h(
    'div',
    { class: 'row end' },
    h('button', { type: 'button', id: 'weight-reset' }, 'Leave as it is'),
    h('button', { type: 'submit', id: 'weight-set', class: 'primary' }, 'Set weights'),
  ),
);
let empty = null;

function drawWeights() {
  const place = byId('weights');
  const { older, candidates } = pair();
  const newer = candidates[0];
  if (!older || !newer) {
    form.remove();
    empty ??= h('p', { class: 'quiet' });
    show(
      empty,
      `Only ${older?.version ?? 'one version'} is active. ` +
        `Register instances of a higher version to move sessions there.`,
    );
    if (!empty.isConnected) place.append(empty);
    return;
  }
  empty?.remove();
  if (!form.isConnected) place.append(form);
  const present = newer.weight;
  if (wish !== null && wish.newer !== newer.version) wish = null;
  const to = wish?.to ?? present;
  const slider = byId('weight');
  if (slider.valueAsNumber !== to) slider.value = to;
  slider.setAttribute('aria-valuetext', `${to} % of new sessions to ${newer.version}`);
  const isMine = may('operator');
  const reason = isMine ? busy() : 'Setting them takes the role operator.';
  slider.disabled = reason !== null;
  show(byId('weight-older'), h('i', { class: `dot v${colour(older.version)}` }), `${older.version} ${100 - to} %`);
  show(byId('weight-newer'), h('i', { class: `dot v${colour(newer.version)}` }), `${newer.version} ${to} %`);
  show(
    byId('weight-preview'),
    reason ??
      preview({
        older,
        newer: { ...newer, isActive: newer.state !== 'registered' },
        from: present,
        to,
        migrates: state.status.existingSessions === 'migrate',
        pausesRollout: Boolean(running()),
      }),
  );
  byId('weight-set').hidden = !isMine;
  byId('weight-set').disabled = reason !== null || to === present;
  byId('weight-reset').hidden = to === present;
}

// Another change that is in steps would only be answered with a refusal.
function busy() {
  if (['steady', 'active'].includes(state.status.phase)) return null;
  const silent = state.replicas.filter((r) => r.silent && !r.forgotten).map((r) => r.name);
  const until = silent.length > 0 ? `it waits for ${list(silent)}, silent` : 'it takes a moment';
  return `Another change is under way (${state.status.phase}); ${until}.`;
}

form.addEventListener('input', () => {
  const newer = pair().candidates[0];
  if (newer) wish = { newer: newer.version, to: form.querySelector('input').valueAsNumber };
  drawWeights();
});

form.addEventListener('click', (event) => {
  if (event.target.id !== 'weight-reset') return;
  wish = null;
  drawWeights();
});

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const { older } = pair();
  if (!wish || !older) return;
  const weights = { [older.version]: 100 - wish.to, [wish.newer]: wish.to };
  byId('weight-set').disabled = true;
  await attempt(() => set(weights));
  await look();
});

// What was decided was decided by what the page showed: the revision of that goes along.
async function set(weights) {
  try {
    const { status, body } = await call(
      'PUT',
      'weights',
      { weights },
      { 'If-Match': `"${state.status.revision}"` },
    );
    wish = null;
    const shown = list(
      Object.entries(body.weights)
        .filter(([name]) => name in weights)
        .map(([name, w]) => `${name} ${w} %`),
    );
    return status === 202
      ? `${shown}: stored as revision ${body.revision}, not yet applied by ${list(body.pending)}. ` +
          `They apply it as soon as they are back.`
      : `${shown}: applied by every replica in ${Math.round(body.appliedIn)} ms (revision ${body.revision}).`;
  } catch (error) {
    if (error.status !== 412) throw error;
    throw new Error(
      `Nothing was set: something was changed while you looked. ${error.message} ` +
        `The page shows it now; look, and set again.`,
    );
  }
}
