// Looks at the gateway every two seconds while somebody looks at the page.
import { call, get, Problem } from './api.js';
import { append } from './history.js';
import { changed, state } from './state.js';

const interval = 2000;
let timer = null;
let looking = null;
let onLoginNeeded = () => {};

export function start(loginNeeded) {
  onLoginNeeded = loginNeeded;
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) look();
  });
  look();
}

export function stop() {
  clearTimeout(timer);
  timer = null;
}

// Looks now; a look that is under way is followed by another one.
export async function look() {
  if (looking) {
    await looking;
  }
  looking ??= once().finally(() => {
    looking = null;
  });
  return looking;
}

async function once() {
  clearTimeout(timer);
  if (!state.me) return;
  try {
    if (!document.hidden || !state.status) await read();
  } catch (error) {
    if (error instanceof Problem && error.status === 401) {
      onLoginNeeded();
      return;
    }
    state.problem = error.message;
  }
  changed();
  if (state.me) timer = setTimeout(look, interval);
}

async function read() {
  const last = state.history.at.at(-1);
  const [status, instances, replicas, rollouts, history] = await Promise.all([
    call('GET', 'status'),
    get('instances'),
    get('replicas'),
    get('rollouts'),
    get(last === undefined ? 'history' : `history?after=${last}`),
  ]);
  Object.assign(state, {
    status: status.body,
    instances,
    replicas,
    rollouts,
    problem: null,
    reachedAt: Date.now(),
  });
  if (!Number.isNaN(status.date)) {
    // The header has whole seconds only.
    const skew = status.date + 500 - Date.now();
    state.skew = Math.abs(skew) < 1500 ? 0 : skew;
  }
  append(state.history, history);
}
