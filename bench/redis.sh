#!/usr/bin/env bash
# GET and SET over the Redis protocol, one node, against redis-server: operations per second and CPU of the server per operation.
# 64 connections, values of 100 B, 20,000 keys that are all there; one server after another, several rounds, each line one run.
#   bench/redis.sh target/release/alianza > raw.csv      needs redis-server, redis-benchmark
set -euo pipefail
alianza=${1:?give the program}
rounds=${ROUNDS:-3}
place=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; wait; rm -rf "$place"' EXIT
"$alianza" start --port 0 --redis 127.0.0.1:17379 --data-dir "$place/data" --log warn >"$place/log" 2>&1 & pids+=($!)
redis-server --port 17380 --save '' --appendonly yes --appendfsync always --dir "$place" >/dev/null & pids+=($!)
redis-server --port 17381 --save '' --appendonly no --dir "$place" >/dev/null & pids+=($!)
for port in 17379 17380 17381; do
    until redis-cli -p $port ping >/dev/null 2>&1; do sleep 0.1; done
    redis-benchmark -p $port -t set -n 300000 -c 64 -P 16 -d 100 -r 20000 -q >/dev/null 2>&1
done
ticks() { awk '{print $14 + $15}' "/proc/$1/stat"; }
per=$(getconf CLK_TCK)
echo "server,command,depth,operations per second,CPU microseconds per operation"
run() { # name, process, port, command, depth, operations
    local before after rate
    before=$(ticks "$2")
    rate=$(redis-benchmark -p "$3" -t "$4" -n "$6" -c 64 -P "$5" -d 100 -r 20000 --csv 2>/dev/null | tail -1 | cut -d'"' -f4)
    after=$(ticks "$2")
    awk -v o="$1,$4,$5,$rate" -v t=$((after - before)) -v n="$6" -v per="$per" 'BEGIN { printf "%s,%.2f\n", o, t * 1e6 / per / n }'
}
for _ in $(seq "$rounds"); do
    for depth in 1 16; do
        count=$((depth == 1 ? 100000 : 400000))
        run alianza "${pids[0]}" 17379 set $depth $count
        run redis-fsync-always "${pids[1]}" 17380 set $depth $count
        run alianza "${pids[0]}" 17379 get $depth $count
        run redis "${pids[2]}" 17381 get $depth $count
    done
done
