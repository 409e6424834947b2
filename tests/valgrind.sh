#!/bin/bash
# In a stage of the server that knows valgrind: the regression tests under valgrind.  $1: one test, or empty for all
# What valgrind reports fails the run, also where the test itself passes; each report names the statement. As many servers at once as
# CRM_VALGRIND_JOBS says (as there are processors), each takes the next test. A test that passed is a line
#   ok N - NAME # SECONDS s, KEY
# whose key is of all that it ran: library, install script, test. CRM_PASSED has keys of earlier runs, whose tests are left out.
# No test begins after CRM_MINUTES; how many are left is said.
set -eu
cd "$CRM_STAGE"
# First the tests that reach most C in little time, those of types, codecs and aggregates in full; then the others.
first="email phone similarity journey journey_funnel stage window_funnel path duration attack_binary match calendar resolve token capture
  merge fold journey_kept attribution cohort bad_input adopt track decide contradict golden identify captured_sums counted
  protect mask share explain capture_limit kpi sla rule action forecast message report alert"
scheduled=$(sed -nE 's/^(test|once): *//p' tests/regress/schedule | grep -vx setup)
# shellcheck disable=SC2086
tests=$(printf '%s\n' $first $scheduled | awk '!seen[$0]++')
if [ -n "${1:-}" ]; then
    tests=$(echo "$scheduled" | grep -x "$1") || exit 0
fi
installed=$(cat "$("$PG_CONFIG" --pkglibdir)/crm.so" "$("$PG_CONFIG" --sharedir)"/extension/crm--*.sql tests/regress/fresh.sql | sha256sum)
key() { # of a test
    { echo "$installed"; cat "tests/regress/sql/$1.sql"; } | sha256sum | cut -c 1-16
}

work=$CRM_STAGE/valgrind
mkdir -p "$work/begun"
pg_regress() { # lane, test, options
    "$PGXS_TEST/regress/pg_regress" --host="$work/$1" --user=postgres --dbname=regression --bindir="$PG_BIN" \
        --inputdir=tests/regress --outputdir="$work/out$1" "${@:3}" "$2"
}
# What was reported since the last look: the stack below a report's first line; "VALGRINDERROR" is what the server adds, the statement.
reported() { # lane
    local report found=1
    for report in "$work/reports$1"/*.log; do
        if [ ! -s "$report" ] || cmp -s "$report" "$report.seen"; then continue; fi
        cp "$report" "$report.seen"
        grep -qE '^==[0-9]+==    (at|by) 0x|VALGRINDERROR' "$report" || continue
        echo "valgrind found:"
        head -n 200 "$report"
        found=0
    done
    return $found
}
lane() { # number; prints a line for each test once the next is over, since a backend may report when it ends
    local lane=$1 passed='' test start status=0
    mkdir -p "$work/out$lane" "$work/reports$lane"
    for test in $tests; do
        [ -z "${CRM_MINUTES:-}" ] || [ $((SECONDS / 60)) -lt "$CRM_MINUTES" ] || break
        mkdir "$work/begun/$test" 2>/dev/null || continue
        start=$SECONDS
        if pg_regress "$lane" "$test" --use-existing >"$work/out$lane/said" 2>&1 && ! reported "$lane" >"$work/out$lane/found"; then
            [ -z "$passed" ] || echo "$passed"
            passed="ok $(find "$work/begun" -mindepth 1 | wc -l) - $test # $((SECONDS - start)) s, $(key "$test")"
        else
            reported "$lane" >>"$work/out$lane/found" || true
            echo "not ok $(find "$work/begun" -mindepth 1 | wc -l) - $test # $((SECONDS - start)) s"
            grep -avE '^(test|not ok|ok) ' "$work/out$lane/said" | tail -n 20
            cat "$work/out$lane/regression.diffs" "$work/out$lane/found" 2>/dev/null
            grep -aE '^TRAP:|terminated by signal' "$work/$lane/server.log" || true
            passed=
            status=1
        fi
    done
    pg_ctl -D "$work/$lane/data" -m fast -w -t 300 stop >/dev/null
    if reported "$lane" >"$work/out$lane/found"; then
        echo "not ok - the end of ${passed:-the server} # after the last test of a server"
        cat "$work/out$lane/found"
        return 1
    fi
    [ -z "$passed" ] || echo "$passed"
    ls "$work/reports$lane"/*.log >/dev/null 2>&1 || { echo "not ok - valgrind wrote no report"; return 1; }
    return $status
}

left=
for test in $tests; do
    case " ${CRM_PASSED:-} " in *" $(key "$test") "*) ;; *) left="$left $test" ;; esac
done
# shellcheck disable=SC2086
[ "$(echo $left | wc -w)" = "$(echo $tests | wc -w)" ] || echo "skipped: $(($(echo $tests | wc -w) - $(echo $left | wc -w))) tests that passed before with what is installed"
tests=$left
[ -n "$tests" ] || exit 0

# The extension is installed by a server without valgrind; each lane has a copy of its data. No autovacuum, each of whose workers would start under valgrind.
scripts/server "$work/0" C tests/regress/postgresql.conf
mkdir -p "$work/out0"
pg_regress 0 setup >"$work/out0/said" 2>&1 || { cat "$work/out0/said" "$work/out0/regression.diffs"; exit 1; }
pg_ctl -D "$work/0/data" -m fast -w stop >/dev/null
echo 'autovacuum = off' >>"$work/0/data/postgresql.conf"
jobs=${CRM_VALGRIND_JOBS:-$(nproc)}
[ -z "${1:-}" ] || jobs=1
status=0
lanes=()
for number in $(seq "$jobs"); do
    mkdir "$work/$number"
    cp -a "$work/0/data" "$work/$number/data"
    sed -i "s|^unix_socket_directories.*|unix_socket_directories = '$work/$number'|" "$work/$number/data/postgresql.conf"
    mkdir -p "$work/reports$number"
    CRM_VALGRIND_REPORTS=$work/reports$number pg_ctl -p "$CRM_STAGE/tests/valgrind-postgres" -D "$work/$number/data" \
        -l "$work/$number/server.log" -w -t 300 start >/dev/null || { cat "$work/$number/server.log"; exit 1; }
    lane "$number" &
    lanes+=($!)
done
for number in "${lanes[@]}"; do
    wait "$number" || status=1
done
later=0
for test in $tests; do [ -d "$work/begun/$test" ] || later=$((later + 1)); done
[ $later = 0 ] || echo "skipped: $later tests are left after ${CRM_MINUTES:-no} minutes; LEFT=1 goes on with them"
exit $status
