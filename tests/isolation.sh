#!/bin/bash
# In a stage: pg_isolation_regress over tests/isolation/specs.  $1: one test, or empty
set -eu
in=$CRM_STAGE/tests/isolation
[ -d "$in/specs" ] || exit 0
tests=$(cd "$in/specs" && find . -name '*.spec' -printf '%f\n' | sed 's/\.spec$//' | sort)
[ -z "${1:-}" ] || tests=$(echo "$tests" | grep -x "$1") || exit 0
[ -n "$tests" ] || exit 0
# shellcheck disable=SC2086
"$PGXS_TEST/isolation/pg_isolation_regress" --temp-instance="$CRM_STAGE/pg" --no-locale --encoding=UTF8 --dbname=isolation \
    --bindir="$PG_BIN" --inputdir="$in" --outputdir="$in" --temp-config="$CRM_STAGE/tests/regress/postgresql.conf" $tests ||
    { cat "$in/output_iso/regression.diffs" "$in/regression.diffs" 2>/dev/null; exit 1; }
