// The rollout that is under way, or the last one; the words are those of iamgw.
import { byId, h, show } from './dom.js';
import { at, count, number, percent, plural, seconds, span } from './format.js';
import { actions, startButton } from './rollout-actions.js';
import { isOpen as formIsOpen } from './rollout-form.js';
import { colour, now, state, versions } from './state.js';

export function draw() {
  if (!state.status) return;
  const current = state.status.rollout;
  const last = state.rollouts.find((r) => !current || r.id === current.id) ?? null;
  const rollout = current ?? last;
  const ended = !current;
  show(
    byId('rollout'),
    ended && !formIsOpen() ? none(rollout) : null,
    ended && formIsOpen() ? h('h2', { id: 'rollout-title' }, 'Start a rollout') : null,
    rollout && !(ended && formIsOpen()) ? view(rollout, ended) : null,
  );
}

function none(last) {
  return h(
    'div',
    { class: 'row spread', 'data-key': 'none' },
    h(
      'div',
      {},
      h('h2', { id: last ? null : 'rollout-title' }, 'No rollout is under way'),
      h('p', { class: 'quiet' }, next()),
    ),
    startButton(),
  );
}

// What one could do now.
function next() {
  const ready = versions().filter((v) => v.state === 'registered' && v.instances > 0);
  const target = ready.length > 0 ? ready.at(-1) : null;
  return (
    (target
      ? `${target.version} is registered with ${plural(target.instances, 'usable instance')}. Start a rollout to it: `
      : 'Register instances of a higher version, then start one: ') +
    'the gateway sets the weights step by step, watches errors and latency, and stops by itself.'
  );
}

const marks = { completed: '✓', paused: '❚❚', aborted: '✕', failed: '✕' };
const kinds = { completed: 'active', paused: 'draining', aborted: 'revoked', failed: 'revoked' };

function view(r, ended) {
  const share = r.state === 'completed' ? 100 : (versions().find((v) => v.version === r.to)?.weight ?? 0);
  return h(
    'div',
    { 'data-key': r.id, class: ended ? 'ended' : null },
    h(
      'div',
      { class: 'row spread' },
      h(
        'h2',
        { id: 'rollout-title' },
        `Rollout ${r.from} → ${r.to} `,
        h('span', { class: `state ${kinds[r.state] ?? 'running'}` }, `${marks[r.state] ?? '●'} ${r.state}`),
        h(
          'span',
          { class: 'quiet small' },
          ended ? ` after ${span(new Date(r.updatedAt) - new Date(r.createdAt))}` : where(r),
        ),
      ),
      actions(r, ended),
    ),
    ended
      ? null
      : h(
          'div',
          { class: 'progress' },
          h(
            'div',
            { class: 'bar big', 'aria-hidden': 'true' },
            h('i', { class: `v${colour(r.to)}`, share: share / 100 }),
          ),
          h('span', {}, `${share} % of new sessions to ${r.to}`),
        ),
    r.drain && !['aborted', 'failed'].includes(r.state) && !ended ? draining(r) : null,
    waits(r),
    ended ? null : h('div', { class: 'columns' }, steps(r), figures(r)),
    h('details', { class: 'more', open: ended ? null : true }, h('summary', {}, 'What happened'), transitions(r)),
    h(
      'details',
      { class: 'more' },
      h('summary', {}, preconditionsHead(r.preconditions)),
      checklist(r.preconditions),
    ),
    h(
      'p',
      { class: 'quiet small' },
      `${r.id}, by ${r.createdBy} at ${at(r.createdAt)}; ` +
        `sessions ${r.existingSessions === 'stay' ? 'stay' : 'migrate'}` +
        (!ended && r.executor ? `; carried out by ${r.executor}` : '') +
        `; revision ${r.revision}`,
    ),
  );
}

function where(r) {
  const step = r.steps[r.step];
  return step && r.state !== 'draining' ? ` step ${r.step + 1} of ${r.steps.length} at ${step.weight} %` : '';
}

function waits(r) {
  const last = r.transitions.at(-1);
  const reason =
    ['paused', 'failed', 'aborted'].includes(r.state) && last ? h('p', { class: 'reason' }, last.reason) : null;
  const text = waitsFor(r);
  return [
    reason,
    text ? h('p', { class: 'waits', role: 'timer', 'aria-live': 'off' }, `Waits for ${text}.`) : null,
  ];
}

function waitsFor(r) {
  const about = r.message ? `: ${r.message}` : '';
  if (r.state === 'paused') return 'a person: resume, promote or abort';
  switch (r.waitingFor) {
    case 'manual':
      return 'a person: Resume passes this step';
    case 'hold': {
      const left = r.holdEndsAt ? new Date(r.holdEndsAt) - now() : 0;
      return left > 0 ? `the hold to end, in ${span(left)}` : 'the hold to end';
    }
    case 'requests':
      return `more requests of ${r.to} to judge by${about}; Resume passes`;
    case 'replicas':
      return `replicas to apply the weights${about}`;
    case 'gate':
      return `a gate to let it pass${about}`;
    case 'drain':
      return `${r.from} to be empty${about}`;
    default:
      return '';
  }
}

function draining(r) {
  const { sessionsLeft, sessionsAtStart, inFlight, estimatedEnd, deadline } = r.drain;
  const start = Math.max(sessionsAtStart ?? sessionsLeft, sessionsLeft);
  const done = start === 0 ? 1 : 1 - sessionsLeft / start;
  const of = sessionsAtStart === null ? '' : ` of ${count(sessionsAtStart)}`;
  const work = inFlight > 0 ? `, ${plural(inFlight, 'request')} at work` : '';
  const rest = estimatedEnd ? new Date(estimatedEnd) - now() : 0;
  const late = estimatedEnd && new Date(estimatedEnd) >= new Date(deadline);
  const estimate = late
    ? `, not before the deadline in ${span(new Date(deadline) - now())}`
    : rest > 0
      ? `, about ${span(rest)} left`
      : '';
  return h(
    'div',
    { class: 'progress' },
    h('div', { class: 'bar big', 'aria-hidden': 'true' }, h('i', { class: 'done', share: done })),
    h(
      'span',
      {},
      `${count(sessionsLeft)}${of} sessions left on ${r.from}${work}${estimate}; deadline ${at(deadline)}`,
    ),
  );
}

function steps(r) {
  const signs = { done: ['✓', 'done'], current: ['▶', 'current'], pending: ['○', 'pending'] };
  return h(
    'ol',
    { class: 'steps', 'aria-label': 'Steps' },
    r.steps.map((step, i) => {
      const [sign, kind] = signs[step.state] ?? signs.pending;
      return h(
        'li',
        { class: kind, 'data-key': `s${i}`, 'aria-current': step.state === 'current' ? 'step' : null },
        h('span', { 'aria-hidden': 'true' }, sign),
        h('span', { class: 'number' }, `${step.weight} %`),
        h('span', { class: 'quiet' }, step.hold === 'manual' ? 'until resumed' : `hold ${step.hold}`),
        h('span', { class: 'quiet' }, course(r, step)),
      );
    }),
  );
}

function course(r, step) {
  if (!step.startedAt) return '';
  const started = new Date(step.startedAt);
  if (step.endedAt) return `took ${span(new Date(step.endedAt) - started)}`;
  if (step.state !== 'current') return `since ${at(step.startedAt)}`;
  if (r.state === 'paused') return 'paused';
  const left = r.holdEndsAt ? new Date(r.holdEndsAt) - now() : 0;
  return r.waitingFor === 'hold' && left > 0 ? `${span(left)} left` : `for ${span(now() - started)}`;
}

function figures(r) {
  const { old, new: fresh, refusals, violations } = r.measurements;
  const limits = r.analysis;
  const isSlow = old.p99 > 0 && fresh.p99 > old.p99 * limits.maxP99Ratio;
  const row = (name, a, b, limit, isBad) =>
    h(
      'tr',
      { role: 'row', 'data-key': name },
      h('th', { role: 'rowheader', scope: 'row' }, name),
      h('td', { role: 'cell', class: 'number' }, a),
      h(
        'td',
        { role: 'cell', class: `number${isBad ? ' bad' : ''}` },
        b,
        isBad ? h('span', { class: 'hidden' }, ' over the limit') : null,
      ),
      h('td', { role: 'cell', class: 'number quiet' }, limit),
    );
  const head = (version) =>
    h(
      'th',
      { role: 'columnheader', scope: 'col', class: 'number' },
      h('i', { class: `dot v${colour(version)}`, 'aria-hidden': 'true' }),
      version,
    );
  return h(
    'table',
    { role: 'table', class: 'figures', 'aria-label': 'Measured in this step' },
    h(
      'thead',
      {},
      h(
        'tr',
        { role: 'row' },
        h('th', { role: 'columnheader', scope: 'col' }, 'This step'),
        head(old.version),
        head(fresh.version),
        h('th', { role: 'columnheader', scope: 'col', class: 'number' }, 'limit'),
      ),
    ),
    h(
      'tbody',
      {},
      row('Requests', count(old.requests), count(fresh.requests), `from ${count(limits.minRequests)}`, false),
      row('Errors', rate(old), rate(fresh), percent(limits.maxErrorRate), fresh.errorRate > limits.maxErrorRate),
      row('p99', seconds(old.p99), seconds(fresh.p99), `${number(limits.maxP99Ratio)} × old`, isSlow),
      row(
        'Refused',
        '',
        count(refusals),
        limits.maxRefusalRate === null ? '–' : percent(limits.maxRefusalRate),
        refusals > 0,
      ),
      row('Violations', '', isMeasured(violations) ? count(violations) : 'not measured', '0', violations > 0),
    ),
  );
}

// Without a header that names the version of each response there is nothing to count by.
const isMeasured = (violations) => violations > 0 || state.history.totalViolations !== null;

const rate = (f) => (f.requests > 0 ? percent(f.errorRate) : '–');

function transitions(r) {
  return h(
    'ol',
    { class: 'transitions' },
    [...r.transitions]
      .reverse()
      .slice(0, 12)
      .map((t) =>
        h(
          'li',
          { 'data-key': `${t.revision}-${t.at}-${t.state}` },
          h('time', { datetime: t.at }, at(t.at)),
          h('span', { class: `state ${kinds[t.state] ?? 'running'}` }, t.state),
          h('span', {}, t.reason, h('span', { class: 'quiet' }, ` (${t.who})`)),
        ),
      ),
  );
}

function preconditionsHead(all) {
  const failed = all.filter((p) => !p.passed).length;
  return failed === 0 ? `All ${all.length} preconditions held` : `${failed} of ${all.length} preconditions failed`;
}

// Those that fail come first: they are what is to be done.
export function checklist(all) {
  const sorted = [...all].sort((a, b) => Number(a.passed) - Number(b.passed));
  return h(
    'ul',
    { class: 'checks' },
    sorted.map((p) =>
      h(
        'li',
        { class: p.passed ? 'passed' : 'failed', 'data-key': p.name },
        h('span', { class: 'sign', 'aria-hidden': 'true' }, p.passed ? '✓' : '✕'),
        h(
          'span',
          {},
          h('span', { class: 'hidden' }, p.passed ? 'holds: ' : 'fails: '),
          h('strong', {}, p.name.replaceAll('_', ' ')),
          ' ',
          p.detail,
        ),
      ),
    ),
  );
}
