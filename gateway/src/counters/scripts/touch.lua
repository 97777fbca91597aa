-- Keeps holds alive and notes what was used so far. A late or repeated touch changes no progress.
-- KEYS: epoch, deadlines, holds…
-- ARGV: epoch, ttl_ms, then per hold: step cost input_tokens output_tokens

local epoch = redis.call('GET', KEYS[1])
if epoch ~= ARGV[1] then return { 'EPOCH', epoch or '' } end
local ttl = whole(ARGV[2])
local holds = #KEYS - 2
if not ttl or holds > 100 or #ARGV ~= 2 + 4 * holds then return redis.error_reply('ERR bad touch') end
for at = 3, #ARGV do
  if not whole(ARGV[at]) then return redis.error_reply('ERR bad progress') end
end

local now = now_ms()
local reply = { 'OK' }
for index = 1, holds do
  local hold, arg = KEYS[index + 2], 4 * index - 1
  local known = redis.call('HMGET', hold, 'st', 'dl', 'sp')
  if known[1] == 'o' then
    local deadline = print_whole(math.max(tonumber(known[2]), now + ttl))
    redis.call('HSET', hold, 'dl', deadline)
    -- XX: a hold that was swept is not revived.
    redis.call('ZADD', KEYS[2], 'XX', deadline, hold)
    if whole(ARGV[arg]) > tonumber(known[3]) then
      redis.call('HSET', hold, 'sp', ARGV[arg])
      local cost, input, output = ARGV[arg + 1], ARGV[arg + 2], ARGV[arg + 3]
      if cost ~= '0' or input ~= '0' or output ~= '0' then
        redis.call('HSET', hold, 'pr', cost, 'pu', input .. ',' .. output)
      end
    end
    reply[index + 1] = 'OK'
  else
    reply[index + 1] = 'GONE'
  end
end
return reply
