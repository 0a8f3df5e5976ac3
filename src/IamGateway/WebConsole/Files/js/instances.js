// Instances with their drain, and the replicas of the gateway.
import { call, part, post } from './api.js';
import { ask } from './dialog.js';
import { byId, h, on, show } from './dom.js';
import { at, count, list, plural, span } from './format.js';
import { attempt, say } from './notice.js';
import { look } from './poll.js';
import { colour, gate, now, state } from './state.js';

export function draw() {
  if (!state.status) return;
  show(
    byId('instances'),
    state.instances.length === 0
      ? h(
          'p',
          { class: 'quiet' },
          'No instance is known. Configure one under ReverseProxy:Clusters, or register it: PUT /api/v1/instances/ID.',
        )
      : h('ul', { class: 'list' }, state.instances.map(instance)),
  );
  show(byId('replicas'), h('ul', { class: 'list' }, state.replicas.map(replica)));
}

const marks = { active: '●', draining: '◐', drained: '○', quarantined: '✕' };

function instance(i) {
  const isSick = i.health === 'unhealthy';
  return h(
    'li',
    { 'data-key': i.id, class: `instance ${i.state}` },
    h(
      'div',
      { class: 'what' },
      h(
        'div',
        {},
        h('i', { class: `dot v${colour(i.version)}`, 'aria-hidden': 'true' }),
        h('strong', {}, i.id),
        ' ',
        h('span', {}, i.version ?? 'version unknown'),
        ' ',
        h('span', { class: `state ${i.state}` }, `${marks[i.state] ?? ''} ${i.state}`),
        ' ',
        h('span', { class: isSick ? 'state quarantined' : 'quiet' }, i.health),
      ),
      h(
        'div',
        { class: 'quiet' },
        i.address,
        i.inFlight > 0 ? ` · ${plural(i.inFlight, 'request')} at work` : ' · idle',
      ),
      i.reportedVersion && i.reportedVersion !== i.version
        ? h('div', { class: 'warn' }, `It reports version ${i.reportedVersion}.`)
        : null,
      i.reason ? h('div', { class: 'warn' }, i.reason) : null,
      i.drain ? drain(i) : null,
    ),
    i.state === 'draining' || i.state === 'drained'
      ? h(
          'button',
          {
            type: 'button',
            'data-do': 'resume-instance',
            'data-id': i.id,
            'aria-label': `Resume ${i.id}`,
            ...gate('operator'),
          },
          'Resume',
        )
      : h(
          'button',
          {
            type: 'button',
            'data-do': 'drain',
            'data-id': i.id,
            'aria-label': `Drain ${i.id}`,
            ...gate('operator'),
          },
          'Drain…',
        ),
  );
}

function drain({ id, drain: d, state: kind }) {
  if (kind === 'drained') return h('div', { class: 'good' }, `Nothing is left on it; you can stop ${id}.`);
  const parts = [`${plural(d.inFlight, 'request')} left`];
  if (d.connections > 0) parts.push(`${count(d.connections)} of them WebSockets or event streams`);
  if (d.waitingFor.length > 0) parts.push(`not known of ${list(d.waitingFor)}`);
  const rest = d.estimatedEnd ? new Date(d.estimatedEnd) - now() : null;
  if (rest !== null && rest > 0) parts.push(`about ${span(rest)} left`);
  return h('div', { class: 'warn' }, `${parts.join(', ')}.`);
}

on('drain', (button) => {
  const id = button.getAttribute('data-id');
  const one = state.instances.find((i) => i.id === id);
  ask({
    title: `Drain ${id}?`,
    text:
      `No session goes to it any more; its ${plural(one?.inFlight ?? 0, 'request')} at work may end. ` +
      `Sessions of ${one?.version ?? 'its version'} go to its siblings.`,
    ok: `Drain ${id}`,
    act: async () => {
      try {
        await drainNow(id);
      } catch (error) {
        if (error.code !== 'last_instance') throw error;
        force(id, error.message);
      }
    },
  });
});

function force(id, reason) {
  ask({
    title: `Drain ${id} all the same?`,
    text: reason,
    ok: `Drain ${id} all the same`,
    name: id,
    act: () => drainNow(id, '?force=true'),
  });
}

async function drainNow(id, query = '') {
  const { body } = await post(`instances/${part(id)}/drain${query}`);
  say(body.state === 'drained' ? `${id} is drained: nothing is left on it.` : `${id} drains.`);
  await look();
}

on('resume-instance', (button) =>
  attempt(async () => {
    const id = button.getAttribute('data-id');
    await post(`instances/${part(id)}/resume`);
    await look();
    return `${id} takes sessions again.`;
  }),
);

function replica(r) {
  const revision = state.status.revision;
  const lag = revision - r.acknowledgedRevision;
  const kind = r.forgotten ? 'past' : r.silent ? 'quarantined' : lag > 0 ? 'draining' : 'active';
  const word = r.forgotten ? 'forgotten' : r.silent ? 'silent' : lag > 0 ? 'behind' : 'well';
  return h(
    'li',
    { 'data-key': r.id },
    h(
      'div',
      { class: 'what' },
      h(
        'div',
        {},
        h('strong', {}, r.name),
        ' ',
        h('span', { class: `state ${kind}` }, word),
        r.self ? h('span', { class: 'quiet' }, ' answers this page') : null,
      ),
      h(
        'div',
        { class: 'quiet' },
        `revision ${r.acknowledgedRevision}${lag > 0 ? ` of ${revision}` : ''} · since ${at(r.startedAt)}`,
      ),
      r.silent && !r.forgotten
        ? h(
            'div',
            { class: 'warn' },
            'Not heard of for five seconds. Start it again; if its process is dead, forget it.',
          )
        : null,
    ),
    r.silent && !r.forgotten && !r.self
      ? h(
          'button',
          { type: 'button', class: 'danger', 'data-do': 'forget', 'data-id': r.id, ...gate('admin') },
          'Forget…',
        )
      : null,
  );
}

on('forget', (button) => {
  const one = state.replicas.find((r) => r.id === button.getAttribute('data-id'));
  if (!one) return;
  ask({
    title: `Forget ${one.name}?`,
    text:
      'Only if its process is dead: ' +
      'one that still runs and was forgotten could still send what it had decided before.',
    ok: `Forget ${one.name}`,
    name: one.name,
    act: async () => {
      await call('DELETE', `replicas/${part(one.id)}`);
      say(`${one.name} is forgotten; it takes effect after RequestTimeout.`);
      await look();
    },
  });
});
