#!/bin/bash
# In a stage of the server that knows valgrind: regression tests under valgrind.  $1: one test, or empty for the list below
# What valgrind reports fails the run, also where the test itself passes; each report names the statement.
set -eu
cd "$CRM_STAGE"
# Tests that reach each C file of the extension in little time, those of types, codecs and aggregates in full.
list="email phone similarity stage journey journey_funnel journey_kept window_funnel path duration bad_input attack_binary
  adopt track capture capture_limit fold captured_sums counted token protect mask share explain resolve match merge decide golden identify
  attribution cohort calendar kpi sla forecast message report action rule alert"
reports=$CRM_STAGE/valgrind
mkdir -p "$reports"
export CRM_POSTGRES=$CRM_STAGE/tests/valgrind-postgres CRM_VALGRIND_REPORTS=$reports CRM_TEST_TTL=60
status=0
CRM_TESTS="${CRM_LIST:-$list}" tests/regress.sh "${1:-}" || status=$?
# The stack below a report's first line; "VALGRINDERROR" is what the server adds: the statement.
for report in "$reports"/*.log; do
    if [ ! -e "$report" ]; then
        [ -n "${1:-}" ] || { echo "not ok 1 - valgrind wrote no report"; status=1; }
    elif grep -qE '^==[0-9]+==    (at|by) 0x|VALGRINDERROR' "$report"; then
        echo "not ok 1 - valgrind found in $(basename "$report"):"
        head -n 200 "$report"
        status=1
    fi
done
exit "$status"
