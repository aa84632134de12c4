# Sourced by the scripts beside it: lines that tell a person what is going on and for how long.
# shellcheck shell=bash

# Everything a person reads goes to standard error: some scripts print a path on standard output.
say() { printf '%s\n' "$*" >&2; }

die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

elapsed() {
    local seconds=$(($1))
    if ((seconds < 60)); then printf '%d s' "$seconds"; else printf '%d min %02d s' $((seconds / 60)) $((seconds % 60)); fi
}

# with_progress LABEL COMMAND...: runs the command with its output kept aside, says every ten
# seconds that it is still at work, and shows the end of that output only if it fails.
with_progress() {
    local label=$1 started=$SECONDS log pid status=0
    shift
    log=$(mktemp)
    "$@" >"$log" 2>&1 </dev/null &
    pid=$!
    local next=$((SECONDS + 10))
    while kill -0 "$pid" 2>/dev/null; do
        sleep 0.2
        if ((SECONDS >= next)); then
            say "  $label: $(elapsed $((SECONDS - started))) so far"
            next=$((SECONDS + 10))
        fi
    done
    wait "$pid" || status=$?
    if ((status != 0)); then
        tail -n 40 "$log" >&2
        say "error: $label failed after $(elapsed $((SECONDS - started))); the end of its output is above."
    fi
    rm -f "$log"
    return "$status"
}
