// Finds a session by a handle, which is sent once and kept nowhere, and ends it.
import { call, part, post } from './api.js';
import { ask } from './dialog.js';
import { byId, h, on, show } from './dom.js';
import { at, count } from './format.js';
import { say } from './notice.js';
import { colour, gate } from './state.js';

const place = byId('session');

byId('lookup').addEventListener('submit', async (event) => {
  event.preventDefault();
  const field = byId('handle');
  const handle = field.value.trim();
  field.value = '';
  show(place, h('p', { class: 'quiet' }, 'Looking…'));
  try {
    draw((await post('sessions/lookup', { handle })).body);
  } catch (error) {
    show(place, h('p', { class: 'problem' }, error.message));
  }
});

function draw(session) {
  const lines = [
    ['Version', [h('i', { class: `dot v${colour(session.version)}`, 'aria-hidden': 'true' }), session.version]],
    ['Key', h('code', {}, session.key)],
    ['Bucket', String(session.bucket)],
    ['Last seen', at(session.lastSeen)],
    ['At work', `${count(session.inFlight)} requests`],
  ];
  show(
    place,
    h(
      'dl',
      {},
      lines.map(([name, value]) => [h('dt', {}, name), h('dd', {}, value)]),
    ),
    h(
      'button',
      { type: 'button', class: 'danger', 'data-do': 'end-session', 'data-id': session.key, ...gate('admin') },
      'End session…',
    ),
  );
}

on('end-session', (button) => {
  const key = button.getAttribute('data-id');
  ask({
    title: 'End this session?',
    text: 'The user is logged out and logs in again. It cannot be undone.',
    ok: 'End session',
    name: key.slice(0, 8),
    act: async () => {
      await call('DELETE', `sessions/${part(key)}`);
      show(place, h('p', { class: 'good' }, 'The session is ended.'));
      say('The session is ended.');
    },
  });
});

// Nothing of a session stays on the page of somebody else.
export const clear = () => show(place);
