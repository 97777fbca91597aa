-- Ends a hold: gives back what is held, charges what was used and writes the event.
-- KEYS: epoch, hold, deadlines, stream, budgets…
-- ARGV: epoch, mode, tokens, cost, event or nothing, charged at expiry, then per budget: expires cost
-- Modes: settle; release (a settle of nothing, without event); adjust (after EXPIRED: amounts are differences).

local HOLD, DEADLINES = KEYS[2], KEYS[3]
local epoch = redis.call('GET', KEYS[1])
if epoch ~= ARGV[1] then return { 'EPOCH', epoch or '' } end
local mode, tokens, cost, event = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local budgets = #KEYS - 4
if (mode ~= 'settle' and mode ~= 'adjust' and mode ~= 'release') or not whole(tokens) or not whole(cost)
  or #ARGV ~= 6 + 2 * budgets then
  return redis.error_reply('ERR bad settle')
end
local costs = {}
for index = 1, budgets do
  local expires, part = ARGV[5 + 2 * index], ARGV[6 + 2 * index]
  if not whole(expires) or not whole(part) then return redis.error_reply('ERR bad budget') end
  costs[KEYS[4 + index]] = part
end
local function cost_of(key)
  return costs[key] or cost
end

local now = now_ms()
local requests = mode == 'settle' and '1' or '0'
local known = redis.call('HMGET', HOLD, 'st', 'ch', 'cx', 'pu')
local state, charged = known[1], {}
if state == 's' then return { 'DUP' } end
if state == 'x' and (mode ~= 'adjust' or known[3] ~= ARGV[6]) then return { 'EXPIRED', known[3], known[4] } end
if state == 'o' then
  charged = cjson.decode(known[2])
  close(charged, cost_of, tokens, requests, now)
elseif state == 'x' then
  for _, counter in ipairs(cjson.decode(known[2])) do
    if counter.k == 'b' then
      charge(counter.key, cost_of(counter.key), tokens, '0', counter.e)
      charged[#charged + 1] = counter
    elseif counter.k == 't' then
      close({ { k = 't', key = counter.key, h = '0', p = counter.p } }, cost_of, tokens, '0', now)
    end
  end
else
  -- Redis does not know it: it was lost, or granted while Redis was out of reach.
  for index = 1, budgets do
    local key = KEYS[4 + index]
    charge(key, costs[key], tokens, requests, ARGV[5 + 2 * index])
    charged[index] = { k = 'b', key = key }
  end
end
if event ~= '' then redis.call('XADD', KEYS[4], '*', 'event', event) end
bury(HOLD, DEADLINES)

-- For alerts: what a budget stands at now and the most it stood at when somebody last looked.
local reply = { 'OK' }
if mode == 'release' then return reply end
for _, counter in ipairs(charged) do
  if counter.k == 'b' then
    local seen = redis.call('HMGET', counter.key, 's', 'a')
    local settled, before = seen[1] or '0', seen[2] or '0'
    if tonumber(settled) > tonumber(before) then
      redis.call('HSET', counter.key, 'a', settled)
      reply[#reply + 1] = counter.key
      reply[#reply + 1] = before
      reply[#reply + 1] = settled
    end
  end
end
return reply
