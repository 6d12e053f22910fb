#!lua name=cofferdam_1

-- The queue of Cofferdam, as Redis Functions. The rules are those of `memory/state.rs`; change them together.
-- A change that older binaries cannot live with takes a new number in the library's name, in the functions' names
-- (here and in `redis/mod.rs`) and in the keys.
--
-- Every key comes in through KEYS, in this order, and all share one hash tag, so that a cluster accepts them:
local HELD = 1     -- hash: instance -> "phase|try|member[|token|worker]"; phase is d (delayed), r (ready) or l (leased)
local BODY = 2     -- hash: instance -> the message as the client encoded it
local READY = 3    -- zset, all scores 0: members, in the order of their bytes
local DELAYED = 4  -- zset: instance by the time it is due
local LEASES = 5   -- zset: instance by the end of its lease
local USED = 6     -- hash: "t:tenant" -> leases, "p:tenant:pool" -> slots
local POLICY = 7   -- hash: "t:tenant" -> "most leases or empty:weight", "p:tenant:pool" -> slots
local COUNTS = 8   -- hash: "queue:tenant" -> ready messages
local ARRIVALS = 9 -- zset: "queue:tenant" by the number of its arrival (when it had nothing and got something)
local META = 10    -- hash: the last token and arrival; for each set of queues served, its time and the arrivals it has seen
local TURNS = 11   -- zset: tenant by pass, for one set of queues served
--
-- A member is "queue:tenant:pool:slots:" followed by 52 characters that give the order: 4 digits of urgency (the priority,
-- inverted), 16 of the time it was queued, 32 of the instance. What comes before is its lane. Names have no ':' and no '|',
-- and no digit sorts after '~', so ranges by bytes find the head of a lane, and the next lane, each in O(log n).
local ORDER = 52

local STRIDE = 720720
local PASS_MAX = 2251799813685248
local PROMOTE_MAX = 1000
local GROUPS_MAX = 5000

-- Times are in microseconds. The conformance tests set them; else they are the server's.
local function clock(override)
  if override ~= '' then return tonumber(override) end
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

-- Doubles are exact here, but Lua would write them with an exponent.
local function int(number)
  return string.format('%.0f', number)
end

-- A command with any number of arguments, in pieces that the Lua stack can hold.
local function many(command, key, list)
  for from = 1, #list, 1000 do
    redis.call(command, key, unpack(list, from, math.min(from + 999, #list)))
  end
end

local function values(key, fields)
  local out = {}
  for from = 1, #fields, 1000 do
    local part = redis.call('HMGET', key, unpack(fields, from, math.min(from + 999, #fields)))
    for i = 1, #part do out[from + i - 1] = part[i] end
  end
  return out
end

local function parse(held)
  local phase, try, member, token, worker = string.match(held, '^(%a)|(%d+)|([^|]*)|?(%d*)|?(.*)$')
  return phase, try, member, token, worker
end

local function instance_of(member)
  return string.sub(member, -32)
end

-- How many of the members are in each lane.
local function by_lane(members)
  local lanes = {}
  for i = 1, #members do
    local lane = string.sub(members[i], 1, -ORDER - 1)
    lanes[lane] = (lanes[lane] or 0) + 1
  end
  return lanes
end

-- The same counts for each "queue:tenant".
local function by_tenant(lanes)
  local counts = {}
  for lane, count in pairs(lanes) do
    local who = string.match(lane, '^[^:]*:[^:]*')
    counts[who] = (counts[who] or 0) + count
  end
  return counts
end

local function insert_ready(keys, members)
  if #members == 0 then return end
  local scored = {}
  for i = 1, #members do
    scored[2 * i - 1] = 0
    scored[2 * i] = members[i]
  end
  many('ZADD', keys[READY], scored)
  for who, count in pairs(by_tenant(by_lane(members))) do
    if redis.call('HINCRBY', keys[COUNTS], who, count) == count then
      redis.call('ZADD', keys[ARRIVALS], redis.call('HINCRBY', keys[META], 'arrival', 1), who)
    end
  end
end

local function remove_ready(keys, members, lanes)
  if #members == 0 then return end
  many('ZREM', keys[READY], members)
  for who, count in pairs(by_tenant(lanes)) do
    if redis.call('HINCRBY', keys[COUNTS], who, -count) <= 0 then
      redis.call('HDEL', keys[COUNTS], who)
      redis.call('ZREM', keys[ARRIVALS], who)
    end
  end
end

-- Counts the room that leased members take (sign 1) or give back (sign -1).
local function use_room(keys, lanes, sign)
  local used = {}
  for lane, count in pairs(lanes) do
    local tenant, pool, slots = string.match(lane, '^[^:]*:([^:]*):([^:]*):([^:]*):$')
    local of_tenant, of_pool = 't:' .. tenant, 'p:' .. tenant .. ':' .. pool
    used[of_tenant] = (used[of_tenant] or 0) + count
    used[of_pool] = (used[of_pool] or 0) + count * tonumber(slots)
  end
  for field, amount in pairs(used) do
    if amount > 0 and redis.call('HINCRBY', keys[USED], field, int(sign * amount)) <= 0 then
      redis.call('HDEL', keys[USED], field)
    end
  end
end

-- Makes delayed messages ready whose time has come.
local function promote(keys, now)
  local due = redis.call('ZRANGEBYSCORE', keys[DELAYED], '-inf', int(now), 'LIMIT', 0, PROMOTE_MAX)
  if #due == 0 then return end
  local held, members, changes = values(keys[HELD], due), {}, {}
  for i = 1, #due do
    if held[i] then
      local _, try, member = parse(held[i])
      members[#members + 1] = member
      changes[#changes + 1] = due[i]
      changes[#changes + 1] = 'r|' .. try .. '|' .. member
    end
  end
  many('ZREM', keys[DELAYED], due)
  many('HSET', keys[HELD], changes)
  insert_ready(keys, members)
end

-- Takes instances out, whatever their phase: `gone` has instance and held value in turn.
local function forget(keys, gone)
  local instances, ready, delayed, leased, lessees = {}, {}, {}, {}, {}
  for i = 1, #gone, 2 do
    local phase, _, member = parse(gone[i + 1])
    instances[#instances + 1] = gone[i]
    if phase == 'r' then
      ready[#ready + 1] = member
    elseif phase == 'd' then
      delayed[#delayed + 1] = gone[i]
    else
      leased[#leased + 1] = member
      lessees[#lessees + 1] = gone[i]
    end
  end
  many('HDEL', keys[HELD], instances)
  many('HDEL', keys[BODY], instances)
  remove_ready(keys, ready, by_lane(ready))
  many('ZREM', keys[DELAYED], delayed)
  many('ZREM', keys[LEASES], lessees)
  use_room(keys, by_lane(leased), -1)
end

-- now, channel (empty: nobody is told), then for each message: instance, try, member, when it is due (0: at once), body
local function enqueue(keys, args)
  local now = clock(args[1])
  local instances = {}
  for i = 3, #args, 5 do instances[#instances + 1] = args[i] end
  local current, found = {}, values(keys[HELD], instances)
  for i = 1, #instances do current[instances[i]] = found[i] or nil end

  local added, pending, ready, delayed, held, bodies = 0, {}, {}, {}, {}, {}
  local function flush()
    many('HSET', keys[HELD], held)
    many('HSET', keys[BODY], bodies)
    many('ZADD', keys[DELAYED], delayed)
    insert_ready(keys, ready)
    pending, ready, delayed, held, bodies = {}, {}, {}, {}, {}
  end
  for i = 3, #args, 5 do
    local instance, try, member, due, body = args[i], args[i + 1], args[i + 2], args[i + 3], args[i + 4]
    local before = current[instance]
    local stays = false
    if before then
      local _, held_try = parse(before)
      stays = tonumber(held_try) >= tonumber(try)
      if not stays then
        if pending[instance] then flush() end
        forget(keys, { instance, before })
      end
    end
    if not stays then
      local phase = 'r'
      if tonumber(due) > now then
        phase = 'd'
        delayed[#delayed + 1] = due
        delayed[#delayed + 1] = instance
      else
        ready[#ready + 1] = member
      end
      current[instance] = phase .. '|' .. try .. '|' .. member
      held[#held + 1] = instance
      held[#held + 1] = current[instance]
      bodies[#bodies + 1] = instance
      bodies[#bodies + 1] = body
      pending[instance] = true
      added = added + 1
    end
  end
  flush()
  if added > 0 and args[2] ~= '' then redis.call('PUBLISH', args[2], '{"signal":"enqueued"}') end
  return added
end

-- What a claim must know of a tenant: its lanes in the queues served, with their heads, and the room it has.
-- `policy` is whether there is any.
local function look_at(keys, queues, tenant, policy)
  local lanes, pools = {}, {}
  for q = 1, #queues do
    local prefix = queues[q] .. ':' .. tenant
    local from, to = '[' .. prefix .. ':', '(' .. prefix .. ';'
    while true do
      local head = redis.call('ZRANGEBYLEX', keys[READY], from, to, 'LIMIT', 0, 1)[1]
      if not head then break end
      local name = string.sub(head, 1, -ORDER - 1)
      local pool, slots = string.match(name, '([^:]*):(%d+):$')
      pool = 'p:' .. tenant .. ':' .. pool
      lanes[#lanes + 1] = { name = name, pool = pool, slots = tonumber(slots), heads = { head }, at = 1,
        order = string.sub(head, -ORDER), ahead = 1 }
      if not pools[pool] then
        local most = policy and redis.call('HGET', keys[POLICY], pool)
        pools[pool] = most and tonumber(most) - tonumber(redis.call('HGET', keys[USED], pool) or 0) or math.huge
      end
      from = '(' .. name .. '~'
    end
  end
  local room, weight = math.huge, 1
  local given = policy and #lanes > 0 and redis.call('HGET', keys[POLICY], 't:' .. tenant)
  if given then
    local most, its_weight = string.match(given, '^(%d*):(%d+)$')
    weight = math.min(math.max(tonumber(its_weight), 1), STRIDE)
    if most ~= '' then
      room = tonumber(most) - tonumber(redis.call('HGET', keys[USED], 't:' .. tenant) or 0)
    end
  end
  return { lanes = lanes, pools = pools, room = room, stride = math.floor(STRIDE / weight) }
end

-- Brings the next heads of a lane whose known ones are taken: more each time, up to 100. Says whether there are any.
local function look_ahead(keys, lane)
  lane.heads = redis.call('ZRANGEBYLEX', keys[READY], '(' .. lane.heads[#lane.heads], '(' .. lane.name .. '~',
    'LIMIT', 0, lane.ahead)
  lane.at, lane.ahead = 1, math.min(lane.ahead * 2, 100)
  if not lane.heads[1] then return false end
  lane.order = string.sub(lane.heads[1], -ORDER)
  return true
end

-- The lane whose head is next, among those with room. Lanes that turn out to be empty are dropped.
local function best_lane(keys, looked)
  local best
  local lanes = looked.lanes
  for i = #lanes, 1, -1 do
    local lane = lanes[i]
    if not lane.heads[lane.at] and not look_ahead(keys, lane) then
      table.remove(lanes, i)
    elseif looked.room >= 1 and looked.pools[lane.pool] >= lane.slots and (not best or lane.order < best.order) then
      best = lane
    end
  end
  return best
end

local function take_head(looked, lane)
  local member = lane.heads[lane.at]
  looked.room = looked.room - 1
  looked.pools[lane.pool] = looked.pools[lane.pool] - lane.slots
  lane.at = lane.at + 1
  local next_head = lane.heads[lane.at]
  if next_head then lane.order = string.sub(next_head, -ORDER) end
  return member
end

-- Tenants in the order of their turns: a binary heap of { pass, tenant }.
local function before(a, b)
  return a[1] < b[1] or (a[1] == b[1] and a[2] < b[2])
end

local function push(heap, item)
  local at = #heap + 1
  while at > 1 do
    local parent = math.floor(at / 2)
    if not before(item, heap[parent]) then break end
    heap[at] = heap[parent]
    at = parent
  end
  heap[at] = item
end

local function pop(heap)
  local top, item, count = heap[1], heap[#heap], #heap - 1
  heap[count + 1] = nil
  local at = 1
  while count > 0 do
    local child = 2 * at
    if child > count then break end
    if child < count and before(heap[child + 1], heap[child]) then child = child + 1 end
    if not before(heap[child], item) then break end
    heap[at] = heap[child]
    at = child
  end
  if count > 0 then heap[at] = item end
  return top
end

-- now, length of the lease, how many at most, worker, the queues served as one text, then each queue served
-- Returns the first token and the bodies; the tokens of the others follow on.
local function claim(keys, args)
  local now, lease, max, worker, served = clock(args[1]), tonumber(args[2]), tonumber(args[3]), args[4], args[5]
  local queues, serves = {}, {}
  for i = 6, #args do
    queues[#queues + 1] = args[i]
    serves[args[i]] = true
  end
  promote(keys, now)

  local meta, turns = keys[META], keys[TURNS]
  local known = redis.call('HMGET', meta, 'token', 'arrival', 'time:' .. served, 'seen:' .. served)
  local token, arrival = tonumber(known[1] or 0), tonumber(known[2] or 0)
  local time, seen = tonumber(known[3] or 0), tonumber(known[4] or 0)
  if time >= PASS_MAX then
    redis.call('DEL', turns)
    time, seen = 0, 0
  end
  if arrival > seen then
    local came = redis.call('ZRANGEBYSCORE', keys[ARRIVALS], '(' .. int(seen), '+inf')
    for i = 1, #came do
      local queue, tenant = string.match(came[i], '^([^:]*):(.*)$')
      if serves[queue] then redis.call('ZADD', turns, 'NX', int(time), tenant) end
    end
    redis.call('HSET', meta, 'seen:' .. served, int(arrival))
  end

  local tenants, policy = {}, redis.call('EXISTS', keys[POLICY]) == 1
  local function tenant_of(name)
    local looked = tenants[name]
    if not looked then
      looked = look_at(keys, queues, name, policy)
      tenants[name] = looked
    end
    return looked
  end

  -- Nobody is behind the time.
  local behind = redis.call('ZRANGEBYSCORE', turns, '-inf', '(' .. int(time))
  for i = 1, #behind do
    if #tenant_of(behind[i]).lanes == 0 then
      redis.call('ZREM', turns, behind[i])
    else
      redis.call('ZADD', turns, int(time), behind[i])
    end
  end

  -- The heap holds who comes first; `edge` is the last one that was loaded into it, nil when nobody is left to load.
  local heap, edge, rank, size = {}, { -1, '' }, 0, math.min(max, 50)
  local taken, idle, moved = {}, {}, {}
  while #taken < max do
    while edge and (not heap[1] or before(edge, heap[1])) do
      local more = redis.call('ZRANGE', turns, rank, rank + size - 1, 'WITHSCORES')
      for i = 1, #more, 2 do
        edge = { tonumber(more[i + 1]), more[i] }
        push(heap, edge)
      end
      rank = rank + #more / 2
      if #more < 2 * size then edge = nil end
    end
    if not heap[1] then
      -- Not everything asked for was there, so nobody waits for a turn: what the idle ones owe is forgiven.
      many('ZREM', turns, idle)
      for i = 1, #idle do moved[idle[i]] = nil end
      break
    end
    local turn = pop(heap)
    local pass, tenant = turn[1], turn[2]
    local looked = tenant_of(tenant)
    local lane = best_lane(keys, looked)
    if lane then
      taken[#taken + 1] = take_head(looked, lane)
      time = pass
      moved[tenant] = pass + looked.stride
      push(heap, { pass + looked.stride, tenant })
    elseif #looked.lanes == 0 then
      idle[#idle + 1] = tenant
    end
  end
  local scores = {}
  for tenant, pass in pairs(moved) do
    scores[#scores + 1] = int(pass)
    scores[#scores + 1] = tenant
  end
  many('ZADD', turns, scores)

  if #taken == 0 then return { '0' } end
  local first = math.max(token + 1, now)
  local instances, held, leases, till = {}, {}, {}, int(now + lease)
  local bodies = { int(first) }
  for i = 1, #taken do
    local member = taken[i]
    instances[i] = instance_of(member)
  end
  local waiting = values(keys[HELD], instances)
  for i = 1, #taken do
    local _, try = parse(waiting[i])
    held[2 * i - 1] = instances[i]
    held[2 * i] = 'l|' .. try .. '|' .. taken[i] .. '|' .. int(first + i - 1) .. '|' .. worker
    leases[2 * i - 1] = till
    leases[2 * i] = instances[i]
  end
  local found = values(keys[BODY], instances)
  for i = 1, #found do bodies[i + 1] = found[i] end
  many('HSET', keys[HELD], held)
  many('ZADD', keys[LEASES], leases)
  local lanes = by_lane(taken)
  remove_ready(keys, taken, lanes)
  use_room(keys, lanes, 1)
  redis.call('HSET', meta, 'token', int(first + #taken - 1), 'time:' .. served, int(time))
  return bodies
end

-- Calls `each` with index, instance and held value of the leases in args (instance, try, token, from `from` on) that are
-- held, each once, and `other` with the index of the rest.
local function each_held(keys, args, from, each, other)
  local instances = {}
  for i = from, #args, 3 do instances[#instances + 1] = args[i] end
  local held, done = values(keys[HELD], instances), {}
  for i = 1, #instances do
    local fits = false
    if held[i] and not done[instances[i]] then
      local phase, try, _, token = parse(held[i])
      fits = phase == 'l' and try == args[from + 3 * i - 2] and token == args[from + 3 * i - 1]
    end
    if fits then
      if each(instances[i], held[i]) then done[instances[i]] = true end
    elseif other then
      other(i)
    end
  end
end

-- for each lease: instance, try, token
local function ack(keys, args)
  local gone = {}
  each_held(keys, args, 1, function(instance, held)
    gone[#gone + 1] = instance
    gone[#gone + 1] = held
    return true
  end)
  forget(keys, gone)
  return #gone / 2
end

-- now, length, then for each lease: instance, try, token. Returns the positions of those no longer held.
local function extend(keys, args)
  local till, leases, lost = int(clock(args[1]) + tonumber(args[2])), {}, {}
  each_held(keys, args, 3, function(instance)
    leases[#leases + 1] = till
    leases[#leases + 1] = instance
    return false
  end, function(position)
    lost[#lost + 1] = position
  end)
  many('ZADD', keys[LEASES], leases)
  return lost
end

-- channel, then for each lease: instance, try, token
local function release(keys, args)
  local instances, members, held = {}, {}, {}
  each_held(keys, args, 2, function(instance, value)
    local _, try, member = parse(value)
    instances[#instances + 1] = instance
    members[#members + 1] = member
    held[#held + 1] = instance
    held[#held + 1] = 'r|' .. try .. '|' .. member
    return true
  end)
  many('HSET', keys[HELD], held)
  many('ZREM', keys[LEASES], instances)
  use_room(keys, by_lane(members), -1)
  insert_ready(keys, members)
  if #members > 0 then redis.call('PUBLISH', args[1], '{"signal":"enqueued"}') end
  return #members
end

-- now, how many at most. Returns for each: instance, try, token, tenant, worker.
local function expire(keys, args)
  local ended = redis.call('ZRANGEBYSCORE', keys[LEASES], '-inf', int(clock(args[1])), 'LIMIT', 0, args[2])
  local held, gone, out = values(keys[HELD], ended), {}, {}
  for i = 1, #ended do
    if held[i] then
      local _, try, member, token, worker = parse(held[i])
      gone[#gone + 1] = ended[i]
      gone[#gone + 1] = held[i]
      out[#out + 1] = ended[i]
      out[#out + 1] = try
      out[#out + 1] = token
      out[#out + 1] = string.match(member, '^[^:]*:([^:]*):')
      out[#out + 1] = worker
    end
  end
  forget(keys, gone)
  return out
end

-- the instances
local function remove(keys, args)
  local held, gone, done = values(keys[HELD], args), {}, {}
  for i = 1, #args do
    if held[i] and not done[args[i]] then
      done[args[i]] = true
      gone[#gone + 1] = args[i]
      gone[#gone + 1] = held[i]
    end
  end
  forget(keys, gone)
  return #gone / 2
end

-- now. Returns how many are ready, delayed and leased, when the oldest was queued, then the counts by queue and tenant.
local function depth(keys, args)
  promote(keys, clock(args[1]))
  -- The head of each lane and priority is the oldest there.
  local oldest, from = '', '-'
  for _ = 1, GROUPS_MAX do
    local head = redis.call('ZRANGEBYLEX', keys[READY], from, '+', 'LIMIT', 0, 1)[1]
    if not head then break end
    local queued_at = string.sub(head, -48, -33)
    if oldest == '' or queued_at < oldest then oldest = queued_at end
    from = '(' .. string.sub(head, 1, -49) .. '~'
  end
  local out = { int(redis.call('ZCARD', keys[READY])), int(redis.call('ZCARD', keys[DELAYED])),
    int(redis.call('ZCARD', keys[LEASES])), oldest }
  local counts = redis.call('HGETALL', keys[COUNTS])
  for i = 1, #counts do out[#out + 1] = counts[i] end
  return out
end

-- KEYS: zset of workers by the end of their beat, hash of what they say. now, length, worker, what it says
local function beat(keys, args)
  redis.call('ZADD', keys[1], int(clock(args[1]) + tonumber(args[2])), args[3])
  redis.call('HSET', keys[2], args[3], args[4])
  return 1
end

-- The same KEYS. now
local function workers(keys, args)
  local ended = redis.call('ZRANGEBYSCORE', keys[1], '-inf', int(clock(args[1])))
  many('ZREM', keys[1], ended)
  many('HDEL', keys[2], ended)
  return redis.call('HVALS', keys[2])
end

-- KEYS: hash of roles. now, length, role, holder. Returns the fence, or an empty text when another leads.
local function lead(keys, args)
  local now, role, holder = clock(args[1]), args[3], args[4]
  local held = redis.call('HGET', keys[1], role)
  local fence = now
  if held then
    local till, last, by = string.match(held, '^(%d+)|(%d+)|(.*)$')
    if tonumber(till) > now then
      if by ~= holder then return '' end
      fence = tonumber(last)
    else
      fence = math.max(now, tonumber(last) + 1)
    end
  end
  redis.call('HSET', keys[1], role, int(now + tonumber(args[2])) .. '|' .. int(fence) .. '|' .. holder)
  return int(fence)
end

-- The same KEYS. role, holder
local function resign(keys, args)
  local held = redis.call('HGET', keys[1], args[1])
  if held then
    local _, fence, by = string.match(held, '^(%d+)|(%d+)|(.*)$')
    if by == args[2] then redis.call('HSET', keys[1], args[1], '0|' .. fence .. '|' .. by) end
  end
  return 1
end

redis.register_function('cofferdam_1_enqueue', enqueue)
redis.register_function('cofferdam_1_claim', claim)
redis.register_function('cofferdam_1_ack', ack)
redis.register_function('cofferdam_1_extend', extend)
redis.register_function('cofferdam_1_release', release)
redis.register_function('cofferdam_1_expire', expire)
redis.register_function('cofferdam_1_remove', remove)
redis.register_function('cofferdam_1_depth', depth)
redis.register_function('cofferdam_1_beat', beat)
redis.register_function('cofferdam_1_workers', workers)
redis.register_function('cofferdam_1_lead', lead)
redis.register_function('cofferdam_1_resign', resign)
