import * as charts from './charts.js';
import { byId, show } from './dom.js';
import * as events from './events.js';
import { at } from './format.js';
import * as headline from './headline.js';
import * as instances from './instances.js';
import * as login from './login.js';
import { banner } from './notice.js';
import * as poll from './poll.js';
import * as rollout from './rollout.js';
import * as sessions from './sessions.js';
import { now, onChange, running, state } from './state.js';
import * as versions from './versions.js';

onChange(() => {
  headline.draw();
  banner();
  rollout.draw();
  versions.draw();
  instances.draw();
  charts.draw();
  if (!state.problem) events.revive();
  footer();
});

function footer() {
  if (!state.status) return;
  const { replica, store, phase } = state.status;
  show(
    byId('footer'),
    `Replica ${replica.name} · ${store.kind} store · phase ${phase} · as of ${at(new Date(now()).toISOString())}`,
  );
}

// What counts down goes on between two looks.
setInterval(() => {
  if (running() && !document.hidden) rollout.draw();
}, 1000);

login.begin(
  () => {
    poll.start(login.expired);
    events.start();
  },
  () => {
    poll.stop();
    events.clear();
    sessions.clear();
  },
);
