#!/usr/bin/env bash
# redis-cli and redis-benchmark: bash redis_tools.sh PORT...
set -uo pipefail
first=$1
last=${*: -1}
failed=0
key() { printf 'cli-%s-%s-%s' "$1" "$$" "$RANDOM"; }

# check TOOL NAME EXPECTED ACTUAL: the expected is a pattern.
check() {
    # shellcheck disable=SC2053
    if [[ $4 == $3 ]]; then
        printf '%s\t%s\tok\n' "$1" "$2"
    else
        failed=1
        printf '%s\t%s\tfailed\texpected %s, got %s\n' "$1" "$2" "$3" "$(tr '\n' ' ' <<<"$4" | cut -c1-200)"
    fi
}

version="redis-cli $(redis-cli --version | cut -d' ' -f2)"
for dialect in 2 3; do
    cli() { redis-cli "-$dialect" -p "$first" "$@" 2>&1; }
    name=$(key value)
    check "$version RESP$dialect" ping PONG "$(cli ping)"
    check "$version RESP$dialect" set OK "$(cli set "$name" a)"
    check "$version RESP$dialect" get a "$(redis-cli "-$dialect" -p "$last" get "$name" 2>&1)"
    check "$version RESP$dialect" incr 1 "$(cli incr "$name-n")"
    check "$version RESP$dialect" transaction $'OK\nQUEUED\nQUEUED\n1\n1' \
        "$(printf 'multi\nincr %s-m\nget %s-m\nexec\n' "$name" "$name" | cli)"
    check "$version RESP$dialect" lock 1 "$(cli eval \
        'if redis.call("get",KEYS[1]) == ARGV[1] then return redis.call("del",KEYS[1]) else return 0 end' \
        1 "$name" a)"
    check "$version RESP$dialect" cluster OK "$(cli -c set "$name" b)"
    check "$version RESP$dialect" scan "*$name*" "$(cli --scan --pattern "$name*")"
    check "$version RESP$dialect" help '*get*' "$(cli command docs get)"
done
check "$version" pipe '*errors: 0, replies: 3*' \
    "$(printf 'SET a 1\r\nSET b 2\r\nGET a\r\n' | redis-cli -p "$first" --pipe 2>&1)"
check "$version" bigkeys '*Sampled*keys in the keyspace*' "$(redis-cli -p "$first" --bigkeys 2>&1)"
check "$version" stat '*keys*mem*clients*' "$(timeout 2 stdbuf -oL redis-cli -p "$first" --stat -i 1 2>&1)"
check "$version" latency '* * *' "$(timeout 2 redis-cli -p "$first" --latency 2>&1 | head -c 100)"

tool="redis-benchmark $(redis-benchmark --version | cut -d' ' -f2)"
check "$tool" 'set, get, incr, mset' '*"SET"*"GET"*"INCR"*"MSET*' \
    "$(redis-benchmark -p "$first" -n 2000 -t set,get,incr,mset --csv 2>&1)"
check "$tool" pipeline '*"SET"*"GET"*' \
    "$(redis-benchmark -p "$first" -n 5000 -P 16 -r 1000 -t set,get --csv 2>&1)"
check "$tool" cluster '*requests per second*' \
    "$(redis-benchmark -p "$first" --cluster -n 3000 -r 1000 -t set,get 2>&1)"
benchmarked=$(redis-benchmark -3 -p "$first" -n 2000 -t get --csv 2>&1)
check "$tool RESP3" get '*"GET"*' "$benchmarked"
check "$tool" 'no warnings' 0 "$(grep -ci 'warning\|error' <<<"$benchmarked")"
exit "$failed"
