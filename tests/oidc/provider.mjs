// One instance of a real OpenID Connect provider: node provider.mjs VERSION REDIS_PORT KEY_PREFIX.
// VERSION is 8.2.1 (format 1) or 8.3.0 (format 2). It says on which port it listens, and reports itself at /health.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';
import { adapterFor, currentRequest } from './adapter.mjs';

const [version, redisPort, prefix] = process.argv.slice(2);
const format = { '8.2.1': '1', '8.3.0': '2' }[version];
if (!format || !prefix) throw new Error('usage: node provider.mjs 8.2.1|8.3.0 REDIS_PORT KEY_PREFIX');

const counts = { requests: 0, serverErrors: 0, unreadable: 0 };
const { redis, adapter } = adapterFor({
  redisPort: Number(redisPort), prefix, version, format, onUnreadable: () => { counts.unreadable += 1; },
});

// The instance that starts first makes the signing key of all.
const own = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
await redis.set(`${prefix}jwk`, JSON.stringify({ ...own, use: 'sig', alg: 'ES256' }), 'NX');
const key = JSON.parse(await redis.get(`${prefix}jwk`));

const provider = new Provider('http://op.example.test', {
  adapter,
  jwks: { keys: [key] },
  cookies: { keys: ['fixed for tests, so that all instances sign alike'] },
  clients: [{
    client_id: 'rp',
    client_secret: 'secret-of-the-relying-party',
    redirect_uris: ['http://rp.example.test/callback'],
    post_logout_redirect_uris: ['http://rp.example.test/bye'],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    id_token_signed_response_alg: 'ES256',
  }],
  features: { devInteractions: { enabled: true }, introspection: { enabled: true },
    revocation: { enabled: true } },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  rotateRefreshToken: true,
  ttl: { AccessToken: 600, AuthorizationCode: 60, IdToken: 600, Interaction: 600, RefreshToken: 3600, Session: 3600,
    Grant: 3600 },
});
provider.proxy = true;
// Not every one is a 5xx: at the authorization endpoint it goes to the relying party by redirect.
provider.on('server_error', (_, error) => {
  counts.serverErrors += 1;
  console.error(`server error: ${error.message}`);
});

const handle = provider.callback();
const server = createServer((request, response) => {
  response.setHeader('X-IAM-Version', version);
  if (request.url === '/health') {
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify({ version, ...counts }));
    return;
  }

  counts.requests += 1;
  currentRequest.run(`${process.pid}-${counts.requests}`, () => handle(request, response));
});
// Longer than any pause of a client's connection pool, so that no request meets a connection that is closing.
server.keepAliveTimeout = 300_000;
server.listen(0, '127.0.0.1', () => console.log(`listening on ${server.address().port}`));
