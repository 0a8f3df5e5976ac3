// Looks at the gateway every two seconds while somebody looks at the page.
import { call, get, Problem } from './api.js';
import { changed, state } from './state.js';

const interval = 2000;
const hour = 720;
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

// Another replica may answer, with other points; those that are known already are left out by their time.
function append(history, more) {
  history.totalRefusals = more.totalRefusals;
  history.totalViolations = more.totalViolations;
  history.interval = more.interval;
  const first = more.at.findIndex((t) => history.at.length === 0 || t > history.at.at(-1) + more.interval / 2);
  if (first < 0) return;
  const before = history.at.length;
  const cut = (column) => column.slice(first);
  history.at.push(...cut(more.at));
  history.refusals.push(...cut(more.refusals));
  history.migrations.push(...cut(more.migrations));
  const columns = ['sessions', 'requests', 'errors', 'p50', 'p99'];
  for (const version of more.versions) {
    if (!history.versions.has(version.version)) {
      history.versions.set(
        version.version,
        Object.fromEntries(columns.map((c) => [c, new Array(before).fill(null)])),
      );
    }
    for (const column of columns) history.versions.get(version.version)[column].push(...cut(version[column]));
  }
  // A version that is not active any more has no figures; nothing of it is kept when its last one is an hour old.
  const surplus = Math.max(0, history.at.length - hour);
  for (const column of [history.at, history.refusals, history.migrations]) column.splice(0, surplus);
  for (const [name, version] of history.versions) {
    for (const column of columns) {
      while (version[column].length < history.at.length + surplus) version[column].push(null);
      version[column].splice(0, surplus);
    }
    if (version.sessions.every((n) => n === null)) history.versions.delete(name);
  }
}
