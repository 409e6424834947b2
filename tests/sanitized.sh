#!/bin/bash
# In a stage: tests of crmd with the one that is built with sanitizers (make daemon-sanitized): memory that is not its own, leaks,
# and what C leaves undefined end it, and the report fails the test.  $1: one test, or empty; CRM_SANITIZED=all: those that take longer, too
set -eu
cd "$CRM_STAGE"
[ -x crmd-sanitized ] || { echo "skipped: crmd is not built with sanitizers"; exit 0; }
tests="crmd crmd_answers crmd_parts"
longer="crmd_attack crmd_faults crmd_server crmd_dns crmd_tls crmd_mail crmd_ops crmd_report act alert link sales"
[ "${CRM_SANITIZED:-}" != all ] || tests="$tests $longer"
if [ -n "${1:-}" ]; then
    case " $tests " in *" $1 "*) tests=$1 ;; *) exit 0 ;; esac
fi
export CRMD=$CRM_STAGE/crmd-sanitized CRM_SANITIZED=${CRM_SANITIZED:-some}
export ASAN_OPTIONS="log_path=$CRM_STAGE/tap-sanitized/report:detect_stack_use_after_return=1:strict_string_checks=1"
export UBSAN_OPTIONS="print_stacktrace=1"
mkdir -p tap-sanitized
status=0
tests/tap.sh "$tests" || status=$?
for report in tap-sanitized/report.*; do
    [ -e "$report" ] || continue
    cat "$report"
    status=1
done
exit "$status"
