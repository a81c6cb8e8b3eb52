-- Scripts of lock libraries, in other words; each line is one.
if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end
if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('unlink', KEYS[1]) else return 0 end
if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0
local k = KEYS[1] local t = ARGV[1] if redis.call('get', k) == t then return redis.call('del', k) end return 0
local t = redis.call('get', KEYS[1]) if not t or t ~= ARGV[1] then return 0 end redis.call('del', KEYS[1]) return 1
local t = redis.call('get', KEYS[1]) if t == ARGV[1] then return redis.call('del', KEYS[1]) elseif t == false then return -1 else return 0 end
local n = 0 for i, k in ipairs(KEYS) do if redis.call('get', k) == ARGV[1] then redis.pcall('del', k) n = n + 1 end end return n
if redis.call('get', KEYS[1]) == ARGV[1] then redis.call('del', KEYS[1]) return true end return false
if redis.call('get', KEYS[1]) == ARGV[1] then redis.call('unlink', KEYS[1]) return true end return false
local t = redis.call('get', KEYS[1]) if not t then return redis.status_reply('OK') elseif t == ARGV[1] then return redis.call('del', KEYS[1]) else return redis.error_reply('ERROR') end
if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) else return 0 end
if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('expire', KEYS[1], ARGV[2]) else return 0 end
if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) end return 0
if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('expire', KEYS[1], ARGV[2]) end return 0
local k = KEYS[1] local t = ARGV[1] local ms = ARGV[2] local v = redis.call('get', k) if v == t then redis.call('pexpire', k, ms) return 1 end return 0
local t = redis.call('get', KEYS[1]) if not t or t ~= ARGV[1] then return 0 end redis.call('pexpire', KEYS[1], ARGV[2]) return 1
local t = redis.call('get', KEYS[1]) if not t or t ~= ARGV[1] then return 0 end local left = redis.call('pttl', KEYS[1]) if not left then left = 0 end if left < 0 then return 0 end local new = ARGV[2] if ARGV[3] == "0" then new = ARGV[2] + left end redis.call('pexpire', KEYS[1], new) return 1
for i, k in ipairs(KEYS) do if redis.call('get', k) ~= ARGV[1] then return 0 end end for i, k in ipairs(KEYS) do redis.call('set', k, ARGV[1], 'px', ARGV[2]) end return #KEYS
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 else if redis.call('set', KEYS[1], ARGV[1], 'px', ARGV[2]) ~= nil then return 1 else return 0 end end
if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('set', KEYS[1], ARGV[1], 'px', ARGV[2]) else return 0 end
for i, k in ipairs(KEYS) do if redis.call('exists', k) == 1 then return 0 end end for i, k in ipairs(KEYS) do redis.call('set', k, ARGV[1], 'px', ARGV[2]) end return #KEYS
local t = redis.call('get', KEYS[1]) if t == ARGV[1] then redis.call('pexpire', KEYS[1], ARGV[2]) return true elseif not t then redis.call('set', KEYS[1], ARGV[1], 'px', ARGV[2]) return true end return false
local t = redis.call('get', KEYS[1]) if not t or t == ARGV[1] then return redis.call('set', KEYS[1], ARGV[1], 'px', ARGV[2]) else return redis.error_reply('ERROR') end
if redis.call('get', KEYS[1]) == ARGV[1] then local left = redis.call('pttl', KEYS[1]) return (left > 0) and left or 0 else return 0 end
if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pttl', KEYS[1]) else return -3 end
if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pttl', KEYS[1]) else return -2 end
