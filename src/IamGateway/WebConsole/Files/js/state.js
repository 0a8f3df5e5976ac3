// What the page knows, and who wants to hear of it.

export const state = {
  me: null,
  status: null,
  instances: [],
  replicas: [],
  rollouts: [],
  history: {
    interval: 5,
    at: [],
    refusals: [],
    migrations: [],
    versions: new Map(),
    totalRefusals: 0,
    totalViolations: null,
  },
  skew: 0, // the gateway's clock minus this one's, in milliseconds
  reachedAt: null,
  problem: null, // why the last look failed
};

const listeners = [];

export const onChange = (listener) => listeners.push(listener);

export const changed = () => listeners.forEach((listener) => listener(state));

// By the gateway's clock.
export const now = () => Date.now() + state.skew;

const roles = ['viewer', 'operator', 'admin'];

export const may = (role) => state.me !== null && roles.indexOf(state.me.role) >= roles.indexOf(role);

// Attributes for a button that takes a role: whoever has not got it does not see it. What else is in its way disables
// it, with the reason.
export const gate = (role, reason = null) => {
  if (!may(role)) return { hidden: true, disabled: true };
  return reason ? { disabled: true, title: reason } : {};
};

export const versions = () => state.status?.versions ?? [];

export const active = () => versions().filter((v) => v.state === 'active' || v.state === 'draining');

// One colour for a version everywhere: by its place among all, so that neighbours differ.
export const colour = (name) => {
  const place = versions().findIndex((v) => v.version === name);
  return place < 0 ? 0 : place % 4;
};

// The rollout under way; null: none.
export const running = () => state.status?.rollout ?? null;
