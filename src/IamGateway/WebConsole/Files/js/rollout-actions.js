// What one can say to a rollout.
import { part, post } from './api.js';
import { ask } from './dialog.js';
import { h, on } from './dom.js';
import { plural } from './format.js';
import { attempt, say } from './notice.js';
import { look } from './poll.js';
import { open } from './rollout-form.js';
import { gate, state, versions } from './state.js';

const verbs = {
  pause: ['checking', 'progressing', 'draining'],
  resume: ['paused'],
  promote: ['checking', 'progressing', 'paused'],
  abort: ['checking', 'progressing', 'paused', 'draining'],
  revoke: ['progressing', 'paused', 'draining'],
};

export function actions(r, ended) {
  if (ended) {
    const isLeft = versions().some((v) => v.version === r.to && (v.state === 'active' || v.state === 'draining'));
    return ['aborted', 'failed'].includes(r.state) && isLeft
      ? h('div', { class: 'buttons' }, button(r, 'revoke', 'Revoke…', 'admin', 'danger'))
      : null;
  }
  const waits = r.state === 'progressing' && ['manual', 'requests'].includes(r.waitingFor);
  const can = (verb) => verbs[verb].includes(r.state);
  return h(
    'div',
    { class: 'buttons' },
    can('resume') || waits ? button(r, 'resume', 'Resume', 'operator', 'primary') : null,
    can('pause') ? button(r, 'pause', 'Pause', 'operator') : null,
    can('promote') ? button(r, 'promote', 'Promote…', 'operator') : null,
    can('abort') ? button(r, 'abort', 'Abort…', 'operator', 'danger') : null,
    can('revoke') ? button(r, 'revoke', 'Revoke…', 'admin', 'danger') : null,
  );
}

const button = (r, verb, text, role, kind = null) =>
  h(
    'button',
    { type: 'button', class: kind, 'data-do': `rollout-${verb}`, 'data-id': r.id, 'data-key': verb, ...gate(role) },
    text,
  );

export const startButton = () =>
  h(
    'button',
    { type: 'button', class: 'primary', 'data-do': 'rollout-open', ...gate('operator') },
    'Start a rollout…',
  );

on('rollout-open', () => open());

const find = (target) => {
  const id = target.getAttribute('data-id');
  return state.rollouts.find((r) => r.id === id) ?? state.status.rollout;
};

async function tell(r, verb, body) {
  const { status, body: now } = await post(`rollouts/${part(r.id)}/${verb}`, body);
  say(
    status === 202
      ? `Rollout to ${r.to}: under way.`
      : `Rollout to ${r.to}: ${now.state}. ${capital(now.transitions.at(-1)?.reason ?? '')}`,
  );
  await look();
}

const capital = (text) => (text ? `${text[0].toUpperCase()}${text.slice(1)}.` : '');

for (const verb of ['pause', 'resume']) on(`rollout-${verb}`, (target) => attempt(() => tell(find(target), verb)));

on('rollout-promote', (target) => {
  const r = find(target);
  ask({
    title: `Promote ${r.to}?`,
    text:
      `All new sessions go to ${r.to} at once, without the holds and gates that are left. ` +
      `Then ${r.from} is drained and retired.`,
    ok: 'Promote',
    act: () => tell(r, 'promote'),
  });
});

on('rollout-abort', (target) => {
  const r = find(target);
  ask({
    title: `Abort the rollout to ${r.to}?`,
    text: `All new sessions go to ${r.from} again. Those that have moved to ${r.to} stay there: nobody goes back.`,
    ok: 'Abort the rollout',
    name: r.to,
    act: () => tell(r, 'abort'),
  });
});

on('rollout-revoke', (target) => {
  const r = find(target);
  const left = versions().find((v) => v.version === r.to)?.sessions ?? 0;
  ask({
    title: `Revoke ${r.to}?`,
    text:
      `All ${plural(left, 'session')} on ${r.to} end: these users log in again on ${r.from}. ` +
      `${r.to} never comes back.`,
    ok: `Revoke ${r.to}`,
    name: r.to,
    act: () => tell(r, 'revoke', { confirm: r.to }),
  });
});
