#!lua
-- What all scripts share. Amounts stay the text that they came as: Lua's numbers are doubles, exact up to 2^53 only,
-- and both `..` and tostring() round large ones. Every argument is checked before the first write, because Redis does
-- not take back what a failed script wrote.

local TOMBSTONE_MS = '900000'
local LONGEST_MS = 31622400000

local function now_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- A whole number that a double holds exactly, or nil.
local function whole(text)
  if not text or #text > 17 or not string.match(text, '^%-?%d+$') then return nil end
  local number = tonumber(text)
  if number > 9007199254740992 or number < -9007199254740992 then return nil end
  return number
end

local function print_whole(number)
  return string.format('%.0f', number)
end

local function minus(text)
  if text == '0' then return '0' end
  if string.sub(text, 1, 1) == '-' then return string.sub(text, 2) end
  return '-' .. text
end

-- The level of a token bucket now, and its capacity. A missing bucket is full.
local function bucket_level(key, per_minute, now)
  local capacity = per_minute == 0 and 0 or math.max(1, per_minute / 6)
  local stored = redis.call('HMGET', key, 'l', 't')
  if not stored[1] or not stored[2] then return capacity, capacity end
  local elapsed = math.max(0, now - tonumber(stored[2]))
  return math.min(capacity, tonumber(stored[1]) + elapsed * per_minute / 60000), capacity
end

-- A full bucket is the same as none.
local function bucket_store(key, per_minute, level, capacity, now)
  if level >= capacity then return redis.call('DEL', key) end
  redis.call('HSET', key, 'l', string.format('%.3f', level), 't', print_whole(now))
  local refill = math.min(LONGEST_MS, 2 * math.ceil((capacity - level) * 60000 / per_minute) + 1000)
  return redis.call('PEXPIRE', key, print_whole(refill))
end

local function leave(key)
  local count = tonumber(redis.call('GET', key) or '0')
  if count > 1 then redis.call('DECR', key) else redis.call('DEL', key) end
end

-- Adds to what a budget's window was charged. The expiry is set with the first write, or the counter would stay.
local function charge(key, cost, tokens, requests, expires)
  redis.call('HINCRBY', key, 's', cost)
  redis.call('HINCRBY', key, 'ts', tokens)
  redis.call('HINCRBY', key, 'n', requests)
  if expires ~= '0' then redis.call('PEXPIREAT', key, expires, 'NX') end
end

-- Gives back what is held and charges what was used. `cost_of` tells a budget's cost by its key.
local function close(chosen, cost_of, tokens, requests, now)
  for _, counter in ipairs(chosen) do
    local kind, key = counter.k, counter.key
    if kind == 'b' then
      -- A window that is long over took its held amount along.
      if redis.call('EXISTS', key) == 1 then redis.call('HINCRBY', key, 'h', minus(counter.h)) end
      charge(key, cost_of(key), tokens, requests, counter.e)
    elseif kind == 't' then
      local per_minute = tonumber(counter.p)
      local level, capacity = bucket_level(key, per_minute, now)
      level = math.min(capacity, level + tonumber(counter.h) - tonumber(tokens))
      bucket_store(key, per_minute, level, capacity, now)
    elseif kind == 'c' then
      leave(key)
    end
  end
end

-- A hold that ended: all that is left of it is its state.
local function bury(hold, deadlines)
  redis.call('DEL', hold)
  redis.call('HSET', hold, 'st', 's')
  redis.call('PEXPIRE', hold, TOMBSTONE_MS)
  redis.call('ZREM', deadlines, hold)
end
