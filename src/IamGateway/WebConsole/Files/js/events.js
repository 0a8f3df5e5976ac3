// The audit log as it grows. EventSource goes on where it was when the connection was lost.
import { byId, h, show } from './dom.js';
import { at } from './format.js';
import { look } from './poll.js';

const most = 200;
let source = null;
let events = [];
let isDue = false;

export function start() {
  stop();
  // Without an ID the last events come first, then those that are new.
  source = new EventSource(`/api/v1/events/stream${events.length > 0 ? `?after=${events[0].id}` : ''}`);
  source.addEventListener('open', () => mark('live'));
  source.addEventListener('event', (message) => add(JSON.parse(message.data)));
  source.addEventListener('error', () =>
    mark(source?.readyState === EventSource.CLOSED ? 'ended' : 'connecting again…'),
  );
  draw();
}

export function stop() {
  source?.close();
  source = null;
}

export function clear() {
  stop();
  events = [];
}

// When the browser gives up (the gateway answered with an error), somebody has to begin anew.
export const revive = () => {
  if (source?.readyState === EventSource.CLOSED) start();
};

function mark(text) {
  show(
    byId('events-state'),
    h('span', { class: text === 'live' ? 'good' : 'warn' }, text === 'live' ? '● live' : text),
  );
}

function add(event) {
  if (events.some((e) => e.id === event.id)) return;
  events = [event, ...events].slice(0, most);
  if (isDue) return;
  isDue = true;
  setTimeout(() => {
    isDue = false;
    draw();
    look();
  }, 50);
}

function draw() {
  show(
    byId('events'),
    events.length === 0
      ? h(
          'li',
          { class: 'quiet', 'data-key': 'none' },
          'Nothing has happened yet. Every change will stand here, with who made it.',
        )
      : events.map(line),
  );
}

function line(e) {
  const isRefused = e.result !== 'ok';
  // Of a rollout's transition the state it led to is in its name already.
  const change = [e.what.startsWith('rollout.') ? null : e.from, e.to].filter(Boolean).join(' → ');
  return h(
    'li',
    { 'data-key': e.id, class: isRefused ? 'refused' : null },
    h('time', { datetime: e.at, title: e.at }, at(e.at)),
    h(
      'span',
      {},
      h('strong', {}, e.what),
      change ? ` ${change}` : '',
      isRefused ? h('span', { class: 'warn' }, ` refused: ${e.result}`) : '',
      h('span', { class: 'quiet' }, ` ${e.who}`),
    ),
  );
}
