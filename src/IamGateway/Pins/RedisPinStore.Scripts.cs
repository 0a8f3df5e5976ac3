namespace IamGateway.Pins;

/// <summary>
/// The scripts. On a Cluster each touches one entry. Else KEYS[2] is the marker of the generation, which only a store
/// that keeps the routing state on the same server can read, and groups of sessions have entries of their own, see
/// <see cref="SharedLeases"/>: generation ":" waiting-since ":" leases, each with the cut that it was taken under. An
/// entry is either "A" and the 16 bytes of the name it points to, or "R" pin ":" bucket ":" generation ":"
/// waiting-since ":" leases ("E" instead of "R": deleted with its last lease; "N": nobody saw the session begin, and
/// it was not used again yet). Without leases, when nobody waits, it is a number of 19 digits, which Redis keeps in
/// 32 bytes less: 1 (2 for "N"), pin (3), bucket (4), generation (11). A record names the generation by its tag, read
/// as a number.
/// A key with a "t" behind the name says that names lead through this one, which was not there then: if it comes to
/// be a name itself it is kept as long as they are. Used only where kinds of names have lifetimes of their own.
/// </summary>
internal sealed partial class RedisPinStore
{
    // The server that answers must be one of the primaries of the acknowledged generation, and the routing state must
    // be on it: a promoted replica, a restart or an emptied store is noticed by the command that would trust its data.
    private const string Prelude = """
        local function generation_ok(tag, runids)
          if runids == '*' then return true end
          local own = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
          if not string.find(runids, own, 1, true) then return false end
          return #KEYS < 2 or redis.call('GET', KEYS[2]) == tag
        end
        local function parse(v)
          if string.byte(v) < 65 then
            return { kind = 'R', pin = tonumber(string.sub(v, 2, 4)), bucket = tonumber(string.sub(v, 5, 8)), gen = string.sub(v, 9), leases = '' }
          end
          local kind, pin, bucket, gen, since, leases = string.match(v, '^([REN])(%d+):(%d+):(%x*):(%d*):(.*)$')
          return { kind = kind == 'E' and 'E' or 'R', pin = tonumber(pin), bucket = tonumber(bucket), gen = gen, since = tonumber(since), leases = leases }
        end
        local function text(r)
          if r.leases == '' and not r.since and r.kind ~= 'E' and r.pin < 1000 then
            return string.format('%d%03d%04d%s', r.kind == 'N' and 2 or 1, r.pin, r.bucket, r.gen)
          end
          return r.kind .. r.pin .. ':' .. r.bucket .. ':' .. r.gen .. ':' .. (r.since or '') .. ':' .. r.leases
        end
        local function live(leases, replicas, next)
          local out = {}
          for lease in string.gmatch(leases, '[^,]+') do
            local id = string.match(lease, '^%d+')
            if tonumber(id) >= next or string.find(replicas, ',' .. id .. ',', 1, true) then out[#out + 1] = lease end
          end
          return out
        end
        local function without(leases, own)
          local left = {}
          for lease in string.gmatch(leases, '[^,]+') do
            if lease ~= own then left[#left + 1] = lease end
          end
          return table.concat(left, ',')
        end
        local function extend(key, ttl)
          if redis.call('PTTL', key) < tonumber(ttl) then redis.call('PEXPIRE', key, ttl) end
        end
        local function put(key, r, ttl)
          redis.call('SET', key, text(r), 'PX', ttl)
        end
        local function group_of(key)
          local one, two = string.byte(key, -16, -15)
          return string.sub(key, 1, -17) .. 'g' .. string.char(one, two % 4)
        end
        -- What is under a group's key of this generation, or of any.
        local function read_group(key, gen)
          local v = redis.call('GET', key)
          if v then
            local of, since, leases = string.match(v, '^(%d+):(%d*):(.*)$')
            if of and of == (gen or of) then return { gen = of, since = tonumber(since), leases = leases } end
          end
          return { gen = gen, leases = '' }
        end
        local function group_text(g) return g.gen .. ':' .. (g.since or '') .. ':' .. g.leases end
        -- A lease of the group may have requests of a session with this bucket under it.
        local function is_under_group(key, gen, bucket, replicas, next)
          if #KEYS == 1 then return false end
          for _, lease in ipairs(live(read_group(group_of(key), gen).leases, replicas, next)) do
            if bucket >= tonumber(string.match(lease, '^%d+%.%d+%.(%d+)$') or 0) then return true end
          end
          return false
        end
        -- Who holds a lease of the group sees that somebody waits, and lets it go.
        local function recall_group(key, gen, now, again)
          if #KEYS == 1 then return end
          local group = group_of(key)
          local g = read_group(group, gen)
          if g.leases ~= '' and now - (g.since or 0) >= again then
            g.since = now
            redis.call('SET', group, group_text(g), 'KEEPTTL')
          end
        end

        """;

    // KEYS[1] and those behind the generation marker are asked for. ARGV: 1 generation, 2 run ids, 3 ttl, 4 now,
    // 5 newest, 6 top, 7 final, 8 raise to, 9 cut, 10 max deferral, 11 max wait, 12 max hold, 13 replicas, 14 next
    // replica, 15 revoked, 16 unknown ends, 17 unknown waits, 18 generation acknowledged, 19 lowest, 20 ttl of an
    // unknown one, 21 the generation as records name it (a session that may move stays without being held back while
    // only its group's lease is in the way); then for each key: lease, draw, 1 for must, 2 for may raise
    // and 4 for hold in one number, former lease or empty. Returns a reply for each key; 0 and the code of the error
    // for one whose entry is spoilt, which does not keep the others. (An error among replies the library takes for a
    // broken connection.)
    private static readonly RedisScript ClaimScript = new(Prelude + """
        local gen = ARGV[21]
        local now, newest, top, final = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
        local raise, cut, wait, lowest = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[11]), tonumber(ARGV[19])
        local function claim(key, own, draw, is, former)
          local v = redis.call('GET', key)
          if v and string.byte(v) == 65 then return {1, string.sub(v, 2)} end
          local must, may_raise, hold = is % 2 == 1, is % 4 > 1, is > 3
          local known = v and true or false
          local r = known and parse(v) or { kind = 'R', pin = 0, bucket = draw, gen = '', leases = '' }
          if known and string.find(ARGV[15], ',' .. r.pin .. ',', 1, true) then return {6} end
          if r.pin > top then return {8} end
          if known and r.pin < lowest then r.pin = lowest; r.leases = ''; r.since = nil end
          if known and r.pin == final then
            if r.gen ~= gen then r.gen = gen; r.leases = ''; put(key, r, ARGV[3]) end
            return {3, r.pin, r.bucket}
          end
          if ARGV[18] == '0' then return {7} end
          if r.gen ~= gen then
            if ARGV[17] == '1' then return {8} end
            if ARGV[16] == '1' then return {6} end
            r.pin = math.max(r.pin, newest); r.gen = gen; r.leases = ''; r.since = nil
            if r.pin == final then
              if not known then r.kind = 'N' end
              put(key, r, known and ARGV[3] or ARGV[20])
              return {9, r.pin, r.bucket}
            end
          end
          local leases, others, has_own = {}, 0, false
          for _, lease in ipairs(live(r.leases, ARGV[13], tonumber(ARGV[14]))) do
            if lease == own then has_own = true elseif lease ~= former then others = others + 1 end
            if lease == own or lease ~= former then leases[#leases + 1] = lease end
          end
          if may_raise and raise > r.pin and (must or r.bucket < cut) then
            local waited, alone = now - (r.since or now), false
            if must or not hold or waited >= tonumber(ARGV[12]) then
              local grouped = is_under_group(key, gen, r.bucket, ARGV[13], tonumber(ARGV[14]))
              if others == 0 and not grouped then
                r.pin = raise; r.since = nil; r.leases = ''
                put(key, r, ARGV[3])
                return {4, r.pin, r.bucket}
              end
              if grouped then recall_group(key, gen, now, wait / 2) end
              if must then
                if not r.since or now - r.since >= wait then r.since = now; put(key, r, ARGV[3]) end
                return {5, r.pin, r.bucket}
              end
              local deferral = tonumber(ARGV[10])
              if others == 0 then alone = true
              elseif waited >= deferral + wait then r.since = now
              elseif r.since and waited >= deferral then return {5, r.pin, r.bucket} end
            end
            if not alone then r.since = r.since or now end
          elseif must then
            return {5, r.pin, r.bucket}
          elseif r.since and now - r.since >= wait then
            r.since = nil
          end
          if not has_own then leases[#leases + 1] = own end
          r.leases = table.concat(leases, ',')
          put(key, r, ARGV[3])
          return {2, r.pin, r.bucket, r.since and now - r.since < wait and 1 or 0}
        end
        local ok = generation_ok(ARGV[1], ARGV[2])
        local replies, at = {}, 22
        for i, key in ipairs(KEYS) do
          if i ~= 2 then
            local done, reply = true, {7}
            if ok then
              done, reply = pcall(claim, key, ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), ARGV[at + 3])
            end
            if not done then
              local problem = type(reply) == 'table' and reply.err or reply
              reply = {0, string.match(problem, '^%-?(%u+) ') or 'ERR'}
            end
            replies[#replies + 1] = reply
            at = at + 4
          end
        end
        return replies
        """);

    // Writes to KEYS[1] and those behind the generation marker. ARGV: 1 generation, 2 run ids, 3 ttl, 4 the
    // generation as records name it; then, or behind some more, so many for each key. Returns what one() does for
    // each. What is wrong with one entry does not keep the others, and fails the call when they are through.
    private const string Each = """
        local function each(size, one, behind)
          local replies, failure, first = {}, nil, behind or 5
          for i, key in ipairs(KEYS) do
            if i ~= 2 then
              local done, reply = pcall(one, key, unpack(ARGV, first, first + size - 1))
              replies[#replies + 1] = done and reply
              if not done then failure = reply end
              first = first + size
            end
          end
          if failure then return type(failure) == 'table' and failure or redis.error_reply(failure) end
          return replies
        end

        """;

    // For each key: lease or empty, ordinal, bucket, now.
    private static readonly RedisScript LeaseScript = new(Prelude + Each + """
        local gen, ok = ARGV[4], generation_ok(ARGV[1], ARGV[2])
        return each(4, function(key, lease, ordinal, bucket, now)
          if not ok then return {7} end
          local v = redis.call('GET', key)
          if v and string.byte(v) == 65 then return {1, string.sub(v, 2)} end
          local r = v and parse(v) or { kind = 'R', pin = 0, bucket = tonumber(bucket), gen = gen, leases = '' }
          if r.gen ~= gen then r.leases = ''; r.gen = gen; r.since = nil end
          if v and tonumber(ordinal) > r.pin then recall_group(key, gen, tonumber(now), 0) end
          r.pin = math.max(r.pin, tonumber(ordinal))
          if lease ~= '' and not string.find(',' .. r.leases .. ',', ',' .. lease .. ',', 1, true) then
            r.leases = r.leases == '' and lease or r.leases .. ',' .. lease
          end
          put(key, r, ARGV[3])
          return {2, r.pin, r.bucket}
        end)
        """);

    // KEYS[1] and those behind the generation marker are of leases. ARGV: 1 generation, 2 run ids. Returns what is
    // under each key; nothing in another generation. GET and not MGET, which users of Redis that are set up may not
    // use.
    private static readonly RedisScript EntriesScript = new(Prelude + """
        if not generation_ok(ARGV[1], ARGV[2]) then return {} end
        local entries = {}
        for i, key in ipairs(KEYS) do
          local v = redis.pcall('GET', key)
          entries[i] = type(v) == 'string' and v
        end
        return entries
        """);

    // Returns how the entry under each key begins, up to its pin.
    private static readonly RedisScript HeadsScript = new("""
        local heads = {}
        for i, key in ipairs(KEYS) do
          local head = redis.pcall('GETRANGE', key, 0, 8)
          heads[i] = type(head) == 'string' and head
        end
        return heads
        """);

    // ARGV: 1 generation, 2 run ids, 3 the 16 bytes of the name pointed to, 4 ttl. Nothing is ever kept shorter than
    // before.
    private static readonly RedisScript LinkScript = new(Prelude + """
        if not generation_ok(ARGV[1], ARGV[2]) then return 0 end
        if not redis.call('SET', KEYS[1], 'A' .. ARGV[3], 'PX', ARGV[4], 'NX') then extend(KEYS[1], ARGV[4]) end
        return 1
        """);

    // For each key: ordinal to stamp or 0, ttl of a name. Returns where an alias points, 0: another generation, or 1:
    // there is nothing.
    private static readonly RedisScript RefreshScript = new(Prelude + Each + """
        local gen, ok = ARGV[4], nil
        return each(2, function(key, stamp, ttl)
          local v = redis.call('GET', key)
          if not v then return 1 end
          if string.byte(v) == 65 then extend(key, ttl); return string.sub(v, 2) end
          if stamp == '0' then
            if string.byte(v) == 50 or string.byte(v) == 78 then put(key, parse(v), ARGV[3])
            else redis.call('PEXPIRE', key, ARGV[3]) end
            return false
          end
          if ok == nil then ok = generation_ok(ARGV[1], ARGV[2]) end
          if not ok then return 0 end
          local r = parse(v)
          if r.gen ~= gen then r.leases = ''; r.since = nil end
          r.pin = math.max(r.pin, tonumber(stamp)); r.gen = gen
          put(key, r, ARGV[3])
          return false
        end)
        """);

    // ARGV: 1 replicas, 2 next replica, 3 the generation as records name it. Returns where an alias points.
    private static readonly RedisScript EndScript = new(Prelude + """
        local v = redis.call('GET', KEYS[1])
        if not v then return false end
        if string.byte(v) == 65 then return string.sub(v, 2) end
        local r = parse(v)
        if #live(r.leases, ARGV[1], tonumber(ARGV[2])) == 0
          and not is_under_group(KEYS[1], ARGV[3], r.bucket, ARGV[1], tonumber(ARGV[2])) then
          redis.call('DEL', KEYS[1])
          return false
        end
        r.kind = 'E'
        put(KEYS[1], r, math.max(redis.call('PTTL', KEYS[1]), 1))
        return false
        """);

    // For each key: lease. Returns where an alias points.
    private static readonly RedisScript ReleaseScript = new(Prelude + Each + """
        return each(1, function(key, lease)
          local v = redis.call('GET', key)
          if not v or string.byte(v) < 65 then return false end
          if string.byte(v) == 65 then return string.sub(v, 2) end
          local r = parse(v)
          r.leases = without(r.leases, lease)
          if r.kind == 'E' and r.leases == '' and not is_under_group(key, ARGV[4], r.bucket, '', 0) then
            redis.call('DEL', key)
            return false
          end
          redis.call('SET', key, text(r), 'KEEPTTL')
          return false
        end)
        """);

    // ARGV behind the first four: 5 now, 6 max wait, 7 replicas, 8 next replica; then for each group: lease, 1 to take
    // it. Returns 1 for each that is held now with nobody waiting for its end: whoever waited once is waited for by all
    // who held it then, whatever their clocks say; a moment passes before it is taken anew.
    private static readonly RedisScript HoldGroupScript = new(Prelude + Each + """
        local gen, ok, now, wait = ARGV[4], generation_ok(ARGV[1], ARGV[2]), tonumber(ARGV[5]), tonumber(ARGV[6])
        return each(2, function(group, own, take)
          if not ok then return 0 end
          local done, g = pcall(read_group, group, gen)
          if not done then return 0 end
          local leases = live(g.leases, ARGV[7], tonumber(ARGV[8]))
          if g.since and (take ~= '1' or #leases > 0 or now - g.since < wait) then return 0 end
          for _, lease in ipairs(leases) do
            if lease == own then return 1 end
          end
          if take ~= '1' then return 0 end
          leases[#leases + 1] = own
          redis.call('SET', group, group_text({ gen = gen, leases = table.concat(leases, ',') }), 'PX', ARGV[3])
          return 1
        end, 9)
        """);

    // For each group: lease.
    private static readonly RedisScript ReleaseGroupScript = new(Prelude + Each + """
        return each(1, function(group, own)
          local g = read_group(group)
          if not g.gen then return false end
          g.leases = without(g.leases, own)
          if g.leases == '' and not g.since then redis.call('DEL', group)
          else redis.call('SET', group, group_text(g), 'KEEPTTL') end
          return false
        end)
        """);
}
