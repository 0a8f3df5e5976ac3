// Who is here. The key goes to the gateway once and is not kept; the cookie that comes back is none of this page's.
import { call, get, Problem } from './api.js';
import { byId, on, show } from './dom.js';
import { state } from './state.js';

const limits = {
  viewer: 'You are logged in as viewer: you see everything and change nothing. Steering takes the role operator.',
  operator: 'You are logged in as operator. Revoking, ending sessions and forgetting replicas take the role admin.',
};

let welcome = () => {};
let leave = () => {};

export async function begin(whenIn, whenOut) {
  welcome = whenIn;
  leave = whenOut;
  await ask();
}

async function ask() {
  try {
    const { apiKey, openIdConnect, me } = await get('login');
    byId('login-key').hidden = !apiKey;
    byId('login-oidc').hidden = !openIdConnect;
    if (me) enter(me);
    else open(apiKey || openIdConnect ? null : 'No credentials are configured: set IamGateway:Admin:ApiKeys.');
  } catch (error) {
    open(error instanceof Problem ? error.message : 'The gateway cannot be reached; trying again.');
    setTimeout(ask, 2000);
  }
}

function enter(me) {
  state.me = me;
  byId('login').hidden = true;
  byId('console').hidden = false;
  show(byId('login-problem'));
  show(byId('who'), `${me.name}, ${me.role}`);
  show(byId('role'), limits[me.role] ?? '');
  welcome();
}

function open(problem) {
  byId('console').hidden = true;
  byId('login').hidden = false;
  document.title = 'Log in – IamGateway';
  show(byId('login-problem'), problem ?? '');
  if (!byId('login-key').hidden && document.activeElement !== byId('key')) byId('key').focus();
}

// The cookie is not good any more: it has expired, or the key was taken out of the configuration.
export function expired() {
  state.me = null;
  leave();
  show(byId('login-reason'), 'Your login has ended. Log in again; nothing that was under way has stopped.');
  open(null);
}

byId('login-form').addEventListener('submit', async (event) => {
  event.preventDefault();
  const field = byId('key');
  const key = field.value.trim();
  if (!key) return;
  show(byId('login-problem'));
  try {
    const { body } = await call('POST', 'login', { key });
    field.value = '';
    enter(body);
  } catch (error) {
    show(byId('login-problem'), error instanceof Problem ? error.message : `The gateway: ${error.message}`);
    field.select();
  }
});

on('log-out', async () => {
  try {
    await call('DELETE', 'login');
  } catch {
    // Without the gateway the cookie stays; it is asked for again when somebody logs in.
  }
  state.me = null;
  leave();
  show(byId('login-reason'), 'You are logged out.');
  open(null);
});
