// Records of oidc-provider in Redis, as a cluster in a rolling upgrade has them: the newer version rewrites every
// record that it touches in its own format, and the older version cannot read that format.
import { AsyncLocalStorage } from 'node:async_hooks';
import { Redis } from 'ioredis';

/** Holds the ID of the request at work. */
export const currentRequest = new AsyncLocalStorage();

const GRANTABLE = new Set(['AccessToken', 'AuthorizationCode', 'RefreshToken']);

// Notes who touches the record and then does it, in one step, so that the history has the order of what happened.
// KEYS: record, history. ARGV: format, version, request, operation, value, seconds to live.
const TOUCH = `
  redis.call('RPUSH', KEYS[2], ARGV[2] .. ' ' .. ARGV[3] .. ' ' .. KEYS[1])
  local stored = redis.call('GET', KEYS[1])
  if stored and ARGV[1] == '1' and string.sub(stored, 1, 2) == '2:' then
    return redis.error_reply('UNREADABLE ' .. KEYS[1] .. ' is of a newer version')
  end
  if ARGV[4] == 'set' then redis.call('SET', KEYS[1], ARGV[5], 'EX', ARGV[6]) end
  if ARGV[4] == 'del' then redis.call('DEL', KEYS[1]) end
  return stored`;

// A record that somebody else has changed meanwhile is not rewritten. KEYS: record. ARGV: old value, new value.
const REWRITE = `
  if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL') end`;

/** The adapter class of one version; format 1 is the older one's, 2 the newer one's. */
export function adapterFor({ redisPort, prefix, version, format, onUnreadable }) {
  const redis = new Redis(redisPort, '127.0.0.1', { scripts: {
    touch: { lua: TOUCH, numberOfKeys: 2 },
    rewrite: { lua: REWRITE, numberOfKeys: 1 },
  } });
  const encode = (payload) => {
    const json = JSON.stringify(payload);
    return format === '1' ? json : `2:${Buffer.from(json).toString('base64')}`;
  };
  const decode = (stored) =>
    JSON.parse(stored.startsWith('2:') ? Buffer.from(stored.slice(2), 'base64').toString() : stored);

  async function touch(key, operation, value = '', seconds = 1) {
    const request = currentRequest.getStore() ?? 'none';
    try {
      return await redis.touch(key, `${prefix}history`, format, version, request, operation, value, seconds);
    } catch (error) {
      if (error.message.startsWith('UNREADABLE')) onUnreadable();
      throw error;
    }
  }

  class RedisAdapter {
    constructor(model) {
      this.model = model;
    }

    key(id) {
      return `${prefix}${this.model}:${id}`;
    }

    async upsert(id, payload, expiresIn) {
      const seconds = expiresIn ?? 3600;
      await touch(this.key(id), 'set', encode(payload), seconds);
      if (this.model === 'Session') await redis.set(`${prefix}uid:${payload.uid}`, id, 'EX', seconds);
      if (GRANTABLE.has(this.model) && payload.grantId)
        await redis.sadd(`${prefix}grant:${payload.grantId}`, this.key(id));
    }

    async find(id) {
      const stored = await touch(this.key(id), 'get');
      if (!stored) return undefined;
      const payload = decode(stored);
      const own = encode(payload);
      if (own !== stored) await redis.rewrite(this.key(id), stored, own);
      return payload;
    }

    async findByUid(uid) {
      const id = await redis.get(`${prefix}uid:${uid}`);
      return id ? this.find(id) : undefined;
    }

    async findByUserCode() {
      return undefined;
    }

    async consume(id) {
      const payload = await this.find(id);
      if (!payload) return;
      const seconds = Math.max(await redis.ttl(this.key(id)), 1);
      await touch(this.key(id), 'set', encode({ ...payload, consumed: Math.floor(Date.now() / 1000) }), seconds);
    }

    async destroy(id) {
      await touch(this.key(id), 'del');
    }

    async revokeByGrantId(grantId) {
      const grant = `${prefix}grant:${grantId}`;
      for (const key of await redis.smembers(grant)) await touch(key, 'del');
      await redis.del(grant);
    }
  }

  return { redis, adapter: RedisAdapter };
}
