#!/bin/bash
# In a stage: pg_isolation_regress over tests/isolation/specs.  $1: one test, or empty
set -eu
in=$CRM_STAGE/tests/isolation
[ -d "$in/specs" ] || exit 0
tests=$(cd "$in/specs" && find . -name '*.spec' -printf '%f\n' | sed 's/\.spec$//' | sort)
[ -z "${1:-}" ] || tests=$(echo "$tests" | grep -x "$1") || exit 0
[ -n "$tests" ] || exit 0
"$CRM_STAGE/scripts/server" "$CRM_STAGE/pg" C "$CRM_STAGE/tests/regress/postgresql.conf"
trap 'pg_ctl -D "$CRM_STAGE/pg/data" -m immediate stop >/dev/null 2>&1' EXIT
psql -q -h "$CRM_STAGE/pg" -U postgres -d postgres -c 'CREATE DATABASE isolation'
psql -q -h "$CRM_STAGE/pg" -U postgres -d isolation -v ON_ERROR_STOP=1 -f "$in/reset.sql"
# shellcheck disable=SC2086
"$PGXS_TEST/isolation/pg_isolation_regress" --host="$CRM_STAGE/pg" --user=postgres --use-existing --dbname=isolation --bindir="$PG_BIN" \
    --inputdir="$in" --outputdir="$in" $tests ||
    { cat "$in/output_iso/regression.diffs" "$in/regression.diffs" 2>/dev/null; exit 1; }
