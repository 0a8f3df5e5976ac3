// Begins a rollout: says what is wanted, checks it without changing anything, starts it.
import { post } from './api.js';
import { byId, h, show } from './dom.js';
import { say } from './notice.js';
import { look } from './poll.js';
import { checklist } from './rollout.js';
import { changed, state, versions } from './state.js';

const place = byId('rollout-form');
let form = null;

export const isOpen = () => form !== null;

export function open() {
  if (form) return;
  form = build();
  place.append(form);
  changed();
  form.querySelector('select, input').focus();
}

export function close() {
  form?.remove();
  form = null;
  changed();
}

const field = (label, control, hint) =>
  h(
    'div',
    { class: `field ${control.id}` },
    h('label', { for: control.id }, label),
    control,
    hint ? h('p', { class: 'hint', id: `${control.id}-hint` }, hint) : null,
  );

const input = (id, value, attributes = {}) =>
  h('input', {
    id,
    value,
    autocomplete: 'off',
    spellcheck: 'false',
    'aria-describedby': `${id}-hint`,
    ...attributes,
  });

const check = (id, text) =>
  h('div', { class: 'check' }, h('input', { id, type: 'checkbox' }), h('label', { for: id }, text));

function build() {
  const newest = versions().findIndex((v) => v.version === state.status.newestActive);
  const lowest = versions().findIndex((v) => ['active', 'draining'].includes(v.state));
  const targets = versions().filter(
    (v, i) => i > lowest && i >= newest && ['registered', 'active', 'draining'].includes(v.state),
  );
  const made = h(
    'form',
    { class: 'rollout-new', autocomplete: 'off' },
    targets.length > 0
      ? null
      : h(
          'p',
          { class: 'notice warn' },
          'No higher version is known yet. ' +
            'Register instances of it first: PUT /api/v1/instances/ID, or in the configuration.',
        ),
    h(
      'div',
      { class: 'fields' },
      field(
        'To version',
        h(
          'select',
          { id: 'ro-to' },
          targets.map((v) => h('option', { value: v.version }, v.version)),
        ),
      ),
      field(
        'Steps',
        input('ro-steps', '5:10m,25:10m,50:10m,100:10m', { required: true }),
        'WEIGHT:HOLD, weights going up; a hold is 90s, 10m, 8h or manual.',
      ),
      field(
        'Existing sessions',
        h(
          'select',
          { id: 'ro-existing' },
          h(
            'option',
            { value: 'migrate', selected: state.status.existingSessions === 'migrate' },
            'move up when at rest',
          ),
          h('option', { value: 'stay', selected: state.status.existingSessions === 'stay' }, 'stay until they end'),
        ),
      ),
      field('Drain at most', input('ro-drain', '8h'), 'Then what is left moves up.'),
    ),
    check('ro-schema', 'The database schema is upgraded; the old version can run on it'),
    check('ro-skip', 'Releases may be skipped'),
    h(
      'details',
      { class: 'more' },
      h('summary', {}, 'When it stops by itself'),
      h(
        'div',
        { class: 'fields' },
        field(
          'Server errors above, %',
          input('ro-errors', '1', { inputmode: 'decimal' }),
          'Of the new version in a step.',
        ),
        field(
          'p99 above, times the old',
          input('ro-p99', '2', { inputmode: 'decimal' }),
          'Where they differ by more than 10 ms.',
        ),
        field('Refused above, %', input('ro-refused', '1', { inputmode: 'decimal' }), 'Of all requests.'),
        field(
          'Judged from, requests',
          input('ro-min', '200', { inputmode: 'numeric' }),
          'Of the new version in a step.',
        ),
        field(
          'Then',
          h(
            'select',
            { id: 'ro-failure' },
            h('option', { value: 'pause' }, 'pause'),
            h('option', { value: 'abort' }, 'abort: all new sessions to the old version'),
          ),
        ),
      ),
    ),
    h('div', { id: 'ro-result', role: 'status', 'aria-live': 'polite' }),
    h(
      'div',
      { class: 'row end' },
      h('button', { type: 'button', id: 'ro-cancel' }, 'Cancel'),
      h('button', { type: 'submit', id: 'ro-check' }, 'Check'),
      h(
        'button',
        { type: 'button', id: 'ro-start', class: 'primary', disabled: true, title: 'Check first.' },
        'Start',
      ),
    ),
  );
  made.addEventListener('submit', (event) => {
    event.preventDefault();
    run(dryRun);
  });
  made.addEventListener('input', () => allow(false));
  made.querySelector('#ro-cancel').addEventListener('click', close);
  made.querySelector('#ro-start').addEventListener('click', () => run(begin));
  return made;
}

// Only what was checked as it stands may be started.
function allow(isChecked) {
  const start = byId('ro-start');
  start.disabled = !isChecked;
  start.title = isChecked ? '' : 'Check first.';
  start.classList.toggle('ready', isChecked);
}

const value = (id) => byId(id).value.trim();
const share = (id) => Number(value(id)) / 100;

// What does not fit is left to the API, whose sentences name the field.
const step = (text) => {
  const [weight, hold] = text.split(':').map((p) => p.trim());
  return { weight: Number(weight), ...(hold === undefined ? {} : { hold }) };
};

function order() {
  for (const [id, name] of [
    ['ro-errors', 'Server errors above'],
    ['ro-p99', 'p99 above'],
    ['ro-refused', 'Refused above'],
    ['ro-min', 'Judged from'],
  ]) {
    if (value(id) === '' || Number.isNaN(Number(value(id))))
      throw new Error(`${name}: “${value(id)}” is not a number.`);
  }
  const steps = value('ro-steps').split(',').map(step);
  const odd = steps.findIndex((s) => !Number.isInteger(s.weight));
  if (odd >= 0) throw new Error(`Steps: the weight of step ${odd + 1} is not a whole number, for example 25:10m.`);
  return {
    to: value('ro-to'),
    existingSessions: value('ro-existing'),
    steps,
    schemaUpgraded: byId('ro-schema').checked,
    allowSkip: byId('ro-skip').checked,
    analysis: {
      maxErrorRate: share('ro-errors'),
      maxP99Ratio: Number(value('ro-p99')),
      minRequests: Number(value('ro-min')),
      maxRefusalRate: share('ro-refused'),
      onFailure: value('ro-failure'),
    },
    drainDeadline: value('ro-drain'),
  };
}

async function run(work) {
  allow(false);
  try {
    await work(order());
  } catch (error) {
    const all = error.body?.preconditions;
    show(byId('ro-result'), all ? outcome(all) : h('p', { class: 'problem' }, error.message));
  }
}

async function dryRun(wanted) {
  show(byId('ro-result'), h('p', { class: 'quiet' }, 'Checking…'));
  const { body } = await post('rollouts?dryRun=true', wanted);
  if (!form) return;
  show(byId('ro-result'), outcome(body.preconditions));
  allow(body.preconditions.every((p) => p.passed));
}

async function begin(wanted) {
  const { body } = await post('rollouts', wanted);
  close();
  say(`The rollout to ${body.to} has begun.`);
  await look();
}

function outcome(all) {
  const failed = all.filter((p) => !p.passed).length;
  return [
    h(
      'p',
      { class: failed === 0 ? 'good' : 'problem' },
      failed === 0
        ? `All ${all.length} preconditions hold; nothing was changed yet.`
        : `${failed} of ${all.length} preconditions fail; nothing was changed.`,
    ),
    checklist(all),
  ];
}
