-- Ends a hold whose gateway fell silent: charges what it had reported.
-- KEYS: epoch, hold, deadlines, stream
-- ARGV: epoch, the step that was seen, cost, input_tokens, output_tokens, tokens, event or nothing

local HOLD, DEADLINES = KEYS[2], KEYS[3]
local epoch = redis.call('GET', KEYS[1])
if epoch ~= ARGV[1] then return { 'EPOCH', epoch or '' } end
for at = 2, 6 do
  if not whole(ARGV[at]) then return redis.error_reply('ERR bad expire') end
end
local now = now_ms()
local known = redis.call('HMGET', HOLD, 'st', 'dl', 'sp', 'ch')
if known[1] ~= 'o' then
  redis.call('ZREM', DEADLINES, HOLD)
  return { 'GONE' }
end
if now < tonumber(known[2]) or known[3] ~= ARGV[2] then return { 'ALIVE' } end
local cost, usage = ARGV[3], ARGV[4] .. ',' .. ARGV[5]
local function cost_of()
  return cost
end
close(cjson.decode(known[4]), cost_of, ARGV[6], '1', now)
if ARGV[7] ~= '' then redis.call('XADD', KEYS[4], '*', 'event', ARGV[7]) end
redis.call('DEL', HOLD)
redis.call('HSET', HOLD, 'st', 'x', 'cx', cost, 'pu', usage, 'ch', known[4])
redis.call('PEXPIRE', HOLD, TOMBSTONE_MS)
redis.call('ZREM', DEADLINES, HOLD)
return { 'OK' }
