// Calls the admin API. The cookie goes along by itself; the header shows that it is this page that asks.

export class Problem extends Error {
  constructor(status, body) {
    super(body.detail ?? `The gateway answered ${status}.`);
    this.status = status;
    this.code = body.code ?? '';
    this.body = body;
  }
}

// The gateway itself could not be reached.
export class Unreachable extends Error {}

const patience = 10_000;

export async function call(method, path, body, headers = {}) {
  const options = {
    method,
    headers: { 'X-IamGateway-Console': '1', Accept: 'application/json', ...headers },
    signal: AbortSignal.timeout(patience),
    redirect: 'error',
    cache: 'no-store',
  };
  if (body !== undefined) {
    options.headers['Content-Type'] = 'application/json';
    options.body = JSON.stringify(body);
  }
  let response;
  let text;
  try {
    response = await fetch(`/api/v1/${path}`, options);
    text = await response.text();
  } catch (error) {
    throw new Unreachable(error.name === 'TimeoutError' ? 'It does not answer in time.' : 'It cannot be reached.');
  }
  const answer = parse(text);
  if (!response.ok) throw new Problem(response.status, answer ?? {});
  return { status: response.status, body: answer, date: Date.parse(response.headers.get('Date') ?? '') };
}

function parse(text) {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return null;
  }
}

export const get = async (path) => (await call('GET', path)).body;
export const post = (path, body) => call('POST', path, body);
export const part = encodeURIComponent;
