// The last hour in columns, one value a point.

// An hour of points of five seconds.
const most = 720;

// Another replica may answer, with other points; those that are known already are left out by their time.
export function append(history, more) {
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
  const surplus = Math.max(0, history.at.length - most);
  for (const column of [history.at, history.refusals, history.migrations]) column.splice(0, surplus);
  for (const [name, version] of history.versions) {
    for (const column of columns) {
      while (version[column].length < history.at.length + surplus) version[column].push(null);
      version[column].splice(0, surplus);
    }
    if (version.sessions.every((n) => n === null)) history.versions.delete(name);
  }
}
