// What becomes of sessions when the weights change, in a sentence. Each session has a number drawn once for its life,
// so that the shares of sessions are those of the weights only about; nothing and all are exact.
import { count, plural } from './format.js';

// older, newer: { version, sessions, isActive }; from, to: shares of the newer one in per cent.
export function preview({ older, newer, from, to, migrates, pausesRollout }) {
  const sentences = [];
  const begins = !newer.isActive && to > 0;
  if (begins) sentences.push(`${newer.version} becomes active.`);
  if (to === from && !begins) return 'These are the present weights.';
  if (to === 0) {
    sentences.push(`New sessions go to ${older.version}.`);
    if (newer.sessions > 0)
      sentences.push(`The ${plural(newer.sessions, 'session')} on ${newer.version} stay there: nobody goes back.`);
  } else {
    sentences.push(
      to === 100 ? `All new sessions go to ${newer.version}.` : `${to} % of new sessions go to ${newer.version}.`,
    );
    sentences.push(moving({ older, newer, to, migrates }));
  }
  if (pausesRollout) sentences.push('The rollout under way is paused by it.');
  return sentences.join(' ');
}

function moving({ older, newer, to, migrates }) {
  if (!migrates) return `Existing sessions stay where they are.`;
  const when = 'with their next request that finds them at rest';
  if (older.sessions === 0) return `No session is on ${older.version}.`;
  if (to === 100) return `All ${plural(older.sessions, 'session')} on ${older.version} move up, ${when}.`;
  const all = older.sessions + newer.sessions;
  const n = Math.min(older.sessions, Math.max(0, Math.round((all * to) / 100) - newer.sessions));
  return n === 0
    ? `About none of the ${plural(older.sessions, 'session')} on ${older.version} moves; nobody goes back.`
    : `About ${count(n)} of ${plural(older.sessions, 'session')} on ${older.version} move up, ${when}.`;
}
