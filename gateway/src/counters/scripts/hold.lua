-- Reserves everything that a request counts against, or nothing.
-- KEYS: epoch, hold, deadlines, revocations, then the counters in the order of the limits (a budget: one per candidate
--   window)
-- ARGV: epoch, ttl_ms, generation, tenant, API key, member, input cost, stub event, number of limits, then per limit
--   b amount limit candidates (start end expires)… | q or t amount per_minute | c max

local HOLD, DEADLINES = KEYS[2], KEYS[3]
local epoch = redis.call('GET', KEYS[1])
if epoch ~= ARGV[1] then return { 'EPOCH', epoch or '' } end

local now = now_ms()
local known = redis.call('HMGET', HOLD, 'st', 'ch', 'dl')
if known[1] then return { 'DUP', known[1], known[2] or '', print_whole(now) } end

local ttl, generation, count = whole(ARGV[2]), whole(ARGV[3]), whole(ARGV[9])
if not ttl or not generation or not whole(ARGV[7]) then return redis.error_reply('ERR bad hold') end
if not count or count < 0 or count > 32 then return redis.error_reply('ERR a hold has at most 32 limits') end

local revoked = redis.call('HMGET', KEYS[4], 't:' .. ARGV[4], 'k:' .. ARGV[4] .. ':' .. ARGV[5],
  'me:' .. ARGV[4] .. ':' .. ARGV[6])
for part = 1, 3 do
  if revoked[part] and tonumber(revoked[part]) > generation then return { 'REVOKED' } end
end

-- Looks at all limits and writes nothing.
local plan, levels, denied = {}, {}, nil
local arg, key = 10, 5
for index = 1, count do
  local kind = ARGV[arg]
  if kind == 'b' then
    local amount, limit, candidates = whole(ARGV[arg + 1]), whole(ARGV[arg + 2]), whole(ARGV[arg + 3])
    if not amount or amount < 0 or not limit or not candidates or candidates < 1 or candidates > 2 then
      return redis.error_reply('ERR bad budget')
    end
    local chosen
    for candidate = 1, candidates do
      local at = arg + 3 * candidate + 1
      local from, to = whole(ARGV[at]), whole(ARGV[at + 1])
      if not from or not to or not whole(ARGV[at + 2]) or not KEYS[key + candidate - 1] then
        return redis.error_reply('ERR bad window')
      end
      if from <= now and now < to then chosen = candidate end
    end
    if not chosen then return { 'WINDOW', print_whole(now) } end
    local counter = KEYS[key + chosen - 1]
    local spent = redis.call('HMGET', counter, 's', 'h')
    local settled, held = spent[1] or '0', spent[2] or '0'
    if limit >= 0 and not denied and tonumber(settled) + tonumber(held) + amount > limit then
      denied = { 'DENY', print_whole(index - 1), print_whole(now), print_whole(chosen - 1), settled, held }
    end
    plan[index] = { kind = kind, key = counter, amount = ARGV[arg + 1], expires = ARGV[arg + 3 * chosen + 3],
      window = chosen - 1 }
    arg, key = arg + 4 + 3 * candidates, key + candidates
  elseif kind == 'q' or kind == 't' then
    local amount, per_minute = whole(ARGV[arg + 1]), whole(ARGV[arg + 2])
    if not amount or amount < 0 or not per_minute or per_minute < 0 or not KEYS[key] then
      return redis.error_reply('ERR bad rate')
    end
    local level, capacity = bucket_level(KEYS[key], per_minute, now)
    if not denied and (per_minute == 0 or level < math.min(amount, capacity)) then
      denied = { 'DENY', print_whole(index - 1), print_whole(now), '0', '0', '0' }
    end
    plan[index] = { kind = kind, key = KEYS[key], amount = ARGV[arg + 1], number = amount, per_minute = per_minute,
      level = level, capacity = capacity, rate = ARGV[arg + 2], window = 0 }
    levels[#levels + 1] = string.format('%.3f', level)
    arg, key = arg + 3, key + 1
  elseif kind == 'c' then
    local most = whole(ARGV[arg + 1])
    if not most or not KEYS[key] then return redis.error_reply('ERR bad concurrency') end
    if not denied and tonumber(redis.call('GET', KEYS[key]) or '0') + 1 > most then
      denied = { 'DENY', print_whole(index - 1), print_whole(now), '0', '0', '0' }
    end
    plan[index] = { kind = kind, key = KEYS[key], amount = '1', window = 0 }
    arg, key = arg + 2, key + 1
  else
    return redis.error_reply('ERR bad limit')
  end
end
if denied then
  denied[7] = levels
  return denied
end

-- Everything fits: writes.
local chosen, windows = {}, {}
levels = {}
for index, step in ipairs(plan) do
  if step.kind == 'b' then
    redis.call('HINCRBY', step.key, 'h', step.amount)
    if step.expires ~= '0' then redis.call('PEXPIREAT', step.key, step.expires, 'NX') end
  elseif step.kind == 'c' then
    redis.call('INCR', step.key)
  else
    local level = step.level - step.number
    bucket_store(step.key, step.per_minute, level, step.capacity, now)
    levels[#levels + 1] = string.format('%.3f', level)
  end
  chosen[index] = { k = step.kind, key = step.key, h = step.amount, e = step.expires or '0', p = step.rate or '0' }
  windows[index] = print_whole(step.window)
end
local deadline = print_whole(now + ttl)
redis.call('HSET', HOLD, 'st', 'o', 'dl', deadline, 'ch', cjson.encode(chosen), 'sp', '0', 'pu', '0,0',
  'ic', ARGV[7], 'ev', ARGV[8])
redis.call('ZADD', DEADLINES, deadline, HOLD)
return { 'OK', print_whole(now), windows, levels }
