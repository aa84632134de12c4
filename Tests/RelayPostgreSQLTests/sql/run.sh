#!/bin/sh
# Tests the native queue's tables and functions with psql alone.
# usage: run.sh CONNINFO [SETUP_SQL]
# CONNINFO names a role that may create databases; the tests make one of their own and drop it. SETUP_SQL is what
# `outbox-relay setup --print` writes; without it the SQL is printed from the sources, which needs swiftc.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
conninfo=$1
setup=${2:-}
work=$(mktemp -d)
database=relay_queue_test_$$
psql="psql -X -q -v ON_ERROR_STOP=1"
cleanup() {
    $psql "$conninfo" -c "DROP DATABASE IF EXISTS $database WITH (FORCE)" >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap cleanup EXIT
if [ -z "$setup" ]; then
    printf '%s\n' 'print(NativeSchema.setupScript(schema: "outbox_relay", payloadType: "json"))' >"$work/main.swift"
    swiftc -swift-version 6 "$here"/../../../Sources/RelayPostgreSQL/Schema/*.swift "$work/main.swift" -o "$work/print"
    setup=$work/setup.sql
    "$work/print" >"$setup"
fi
$psql "$conninfo" -c "CREATE DATABASE $database"
db="$conninfo dbname=$database"
export PGOPTIONS="-c client_min_messages=warning"
run() { $psql "$db" -At "$@"; }
failed=0
check() { # name, command...
    name=$1
    shift
    # Not as a condition: there, the shell would ignore what fails inside a function.
    set +e
    (set -e; "$@") >"$work/out" 2>&1
    status=$?
    set -e
    if [ $status -eq 0 ]; then echo "ok    $name"; else
        echo "FAIL  $name"
        cat "$work/out"
        failed=1
    fi
}

# Two at once, then once more: one applies, nobody fails, nothing changes.
run -f "$setup" >"$work/first" 2>&1 & one=$!
run -f "$setup" >"$work/second" 2>&1 & two=$!
wait $one || { echo "FAIL  setup, the first of two at once"; cat "$work/first"; failed=1; }
wait $two || { echo "FAIL  setup, the second of two at once"; cat "$work/second"; failed=1; }
check "setup again" run -f "$setup"
run -f "$here/helpers.sql"
for file in "$here"/[0-9]*.sql; do check "$(basename "$file")" run -f "$file"; done

# A leader that hangs inside a transaction which holds the checkpoint: the successor ends it, and its commit fails.
takeover() {
    run -c "SELECT outbox_relay.register('frozen')" -c "SELECT * FROM outbox_relay.acquire_lease('frozen', 'a', '1 second')" \
        -c "SELECT * FROM outbox_relay.fence_takeover('frozen', 'a', 1)"
    mkfifo "$work/a"
    run <"$work/a" >"$work/a.out" 2>&1 & a=$!
    exec 3>"$work/a"
    echo "BEGIN; SELECT outbox_relay.advance('frozen', 'a', 1, 0, 5, 'late');" >&3
    sleep 1.5
    [ "$(run -c "SELECT acquired, epoch FROM outbox_relay.acquire_lease('frozen', 'b', '10 seconds')")" = "t|2" ]
    fence="SELECT * FROM outbox_relay.fence_takeover('frozen', 'b', 2)"
    if run -c "BEGIN" -c "SET LOCAL lock_timeout = '200ms'" -c "$fence"; then echo "took a locked row"; return 1; fi
    [ "$(run -c "SELECT ended FROM outbox_relay.end_blockers('frozen', 'b', 2)")" = t ]
    [ "$(run -c "BEGIN" -c "SET LOCAL lock_timeout = '5s'" -c "$fence" -c "COMMIT")" = "$(printf '%s|0||0' "$(run -c \
        "SELECT stream FROM outbox_relay.streams WHERE pipeline = 'frozen'")")" ]
    echo "COMMIT;" >&3 || true
    exec 3>&-
    if wait $a; then echo "the frozen leader committed"; return 1; fi
    [ "$(run -c "SELECT position, owner, epoch FROM outbox_relay.checkpoints WHERE pipeline = 'frozen'")" = "0|b|2" ]
    # A's advance from a new connection is refused as well, and b's is not.
    if run -c "SELECT outbox_relay.advance('frozen', 'a', 1, 0, 5, 'late')"; then return 1; fi
    run -c "SELECT outbox_relay.advance('frozen', 'b', 2, 0, 5, 'on time')"
}
check "takeover from a frozen leader" takeover

# Four consumers beside a writer, in sessions of their own: they leave leases behind, reject, roll back and dead-letter.
concurrent() {
    run -c "SELECT outbox_relay.subscribe('busy', streams => ARRAY[relay_test.start('busy')])" \
        -c "SELECT relay_test.publish('busy', 2000, 40)"
    pids=
    for n in 1 2 3 4; do run -c "SELECT setseed(0.$n)" -c "CALL relay_test.consume('busy', 'c$n', 12)" \
        >"$work/c$n" 2>&1 & pids="$pids $!"; done
    for n in 1 2 3 4 5 6 7 8; do run -c "SELECT relay_test.publish('busy', 250, 40)"; sleep 0.2; done
    for pid in $pids; do wait "$pid" || { cat "$work"/c?; return 1; }; done
    run -c "CALL relay_test.drain('busy', 'last')" -c "SELECT relay_test.verify('busy', 4000)"
}
check "four consumers beside a writer" concurrent

# Two transactions, each with a parked key out that the other parks behind: neither waits for the other.
crossed() {
    run -c "SELECT outbox_relay.subscribe('crossed', streams => ARRAY[relay_test.start('crossed')])" \
        -c "SELECT relay_test.cross('crossed', 'a', 'b')"
    mkfifo "$work/x" "$work/y"
    run <"$work/x" >"$work/x.out" 2>&1 & x=$!
    exec 3>"$work/x"
    run <"$work/y" >"$work/y.out" 2>&1 & y=$!
    exec 4>"$work/y"
    echo "BEGIN; SELECT key FROM outbox_relay.fetch('crossed', 'x', '1 minute', 1);" >&3
    answered "$work/x.out" a
    run -c "SELECT relay_test.due('crossed', 'b')"
    echo "BEGIN; SELECT key FROM outbox_relay.fetch('crossed', 'y', '1 minute', 1);" >&4
    answered "$work/y.out" b
    # Each reads the slot of the other's key, and parks what follows there.
    run -c "SELECT relay_test.free('crossed', 'b')"
    echo "SELECT key FROM outbox_relay.fetch('crossed', 'x', '1 minute', 9); SELECT 'read';" >&3
    answered "$work/x.out" read
    run -c "SELECT relay_test.free('crossed', 'a')"
    echo "SELECT key FROM outbox_relay.fetch('crossed', 'y', '1 minute', 9); SELECT 'read';" >&4
    answered "$work/y.out" read
    for n in 3 4; do echo "SELECT outbox_relay.ack('crossed', (SELECT token FROM outbox_relay.group_leases
        WHERE \"group\" = 'crossed' AND token IS NOT NULL LIMIT 1)); COMMIT;" >&$n; done
    exec 3>&- 4>&-
    wait $x && wait $y || { cat "$work/x.out" "$work/y.out"; return 1; }
    run -c "CALL relay_test.drain('crossed', 'last')" \
        -c "SELECT relay_test.equal((SELECT array_agg(f.key || f.position ORDER BY f.position)
            FROM relay_test.effects f WHERE f.\"group\" = 'crossed'), ARRAY['a3', 'b4'], 'what came after the rest')" \
        -c "SELECT relay_test.equal((SELECT count(*) FROM outbox_relay.parked_keys WHERE \"group\" = 'crossed'), 0::bigint, 'keys')"
}
answered() { # file, line: waits for it
    for _ in $(seq 100); do grep -qx "$2" "$1" && return; sleep 0.1; done
    echo "no '$2' within 10 s:"
    cat "$work/x.out" "$work/y.out"
    return 1
}
check "two transactions that park behind each other's keys" crossed

# Six consumers that reject and acknowledge the same few keys as fast as they can: nobody waits for one another for ever.
hammered() {
    run -c "SELECT outbox_relay.subscribe('few', streams => ARRAY[relay_test.start('few')])"
    pids=
    for n in 1 2 3 4 5 6; do run -c "SELECT setseed(0.$n)" -c "CALL relay_test.hammer('few', 'c$n', 8)" \
        >"$work/h$n" 2>&1 & pids="$pids $!"; done
    run -c "CALL relay_test.feed('few', 1000, 5, 30)"
    for pid in $pids; do wait "$pid" || { cat "$work"/h?; return 1; }; done
    run -c "CALL relay_test.drain('few', 'last')" -c "SELECT relay_test.verify('few', 5000)"
}
check "six consumers that reject and acknowledge the same keys" hammered

# A consumer's open transaction keeps a partition from being dropped, but blocks neither the call nor the writer.
retention() {
    mkfifo "$work/r"
    run <"$work/r" >"$work/r.out" 2>&1 & r=$!
    exec 3>"$work/r"
    run -c 'SELECT outbox_relay.unsubscribe(g."group") FROM outbox_relay.groups g' \
        -c "SELECT relay_test.old_day('aged')"
    echo "BEGIN; SELECT count(*) FROM outbox_relay.events;" >&3
    sleep 0.5
    drop="SELECT outcome FROM outbox_relay.drop_partitions('7 days', '30 days') WHERE outcome <> 'kept'"
    [ "$(run -c "$drop" | sort -u)" = postponed ]
    run -c "SET statement_timeout = '2s'" -c "SELECT relay_test.publish('aged', 10, 3)"
    echo "COMMIT;" >&3
    exec 3>&-
    wait $r
    [ "$(run -c "$drop" | sort -u)" = dropped ]
}
check "retention beside an open consumer" retention
exit $failed
