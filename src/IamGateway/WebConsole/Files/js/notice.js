// One sentence about what came of the last thing done, and what is wrong with the whole.
import { byId, h, on, show } from './dom.js';
import { at } from './format.js';
import { state } from './state.js';

export function say(text, kind = 'ok') {
  show(
    byId('notice'),
    h(
      'div',
      { class: `notice ${kind}` },
      h('span', {}, text),
      h('button', { type: 'button', 'data-do': 'dismiss', 'aria-label': 'Dismiss' }, '×'),
    ),
  );
}

on('dismiss', () => show(byId('notice')));

// Runs something and says what came of it; a failure is told with the API's own sentence.
export async function attempt(work) {
  try {
    const text = await work();
    if (text) say(text);
    return true;
  } catch (error) {
    say(error.message, 'bad');
    return false;
  }
}

export function banner() {
  const { problem, reachedAt, status } = state;
  const lines = [];
  if (problem) {
    const since = reachedAt ? ` What you see is as it was at ${at(reachedAt)}.` : '';
    lines.push(`The gateway's admin API: ${problem}${since} Trying again every two seconds.`);
  } else if (status && !status.store.up) {
    const queued = status.store.queued > 0 ? ` ${status.store.queued} writes wait for it.` : '';
    lines.push(
      'The store does not answer. ' +
        'While two versions are active, requests of sessions that cannot be proven to be at the ' +
        `newest are refused; changes are refused, too. Bring the store back.${queued}`,
    );
  } else if (status && !status.ready) {
    lines.push(`This replica (${status.replica.name}) is not ready to serve.`);
  }
  show(
    byId('banner'),
    lines.map((l) => h('p', { class: 'notice bad', 'data-key': 'b' }, l)),
  );
  document.body.classList.toggle('stale', Boolean(problem));
}
