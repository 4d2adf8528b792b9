-- Draw units from token buckets: all of a look, or none (orders/http/throttling/buckets.py explains the numbers).
-- KEYS: the buckets of all looks. ARGV: for each of them quota, cost of a unit, taken and held; then the size of each look.
-- Reply: for each look 1 or 0, then the credit left and the units held of each of its buckets.
local HOLD = 15000000
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local reply, first = {}, 1
for size = #KEYS + 1, #ARGV do
  local look, allowed = {}, 1
  for place = first, first + ARGV[size] - 1 do
    local quota, cost, taken, held = struct.unpack('<dddd', ARGV[place])
    local bucket = {key = KEYS[place], quota = quota, cost = cost, credit = quota * cost, held = 0, held_until = 0}
    local kept = redis.call('GET', bucket.key)
    if kept then
      local credit, at, units, held_until = struct.unpack('<dddd', kept)
      bucket.credit = math.min(bucket.credit, credit + math.max(0, now - at) * quota)
      if now < held_until then bucket.held, bucket.held_until = units, held_until end
    end
    bucket.taken, bucket.holding = taken, held
    if taken + held > 0 and bucket.credit - bucket.held * cost < (taken + held) * cost then allowed = 0 end
    look[#look + 1] = bucket
  end
  reply[#reply + 1] = allowed
  for _, bucket in ipairs(look) do
    if allowed == 1 and (bucket.taken ~= 0 or bucket.holding ~= 0) then
      bucket.credit = math.max(0, bucket.credit - bucket.taken * bucket.cost)
      bucket.held = math.max(0, bucket.held + bucket.holding)
      if bucket.holding > 0 then bucket.held_until = now + HOLD end
      local life = bucket.cost - bucket.credit / bucket.quota
      if bucket.held > 0 then life = math.max(life, bucket.held_until - now) end
      if life > 0 then
        local value = struct.pack('<dddd', bucket.credit, now, bucket.held, bucket.held_until)
        redis.call('SET', bucket.key, value, 'PX', math.ceil(life / 1000))
      else
        redis.call('DEL', bucket.key)
      end
    end
    reply[#reply + 1] = bucket.credit - bucket.held * bucket.cost
    reply[#reply + 1] = bucket.held
  end
  first = first + ARGV[size]
end
return reply
