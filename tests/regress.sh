#!/bin/bash
# In a stage: pg_regress over tests/regress/sql, in the order of tests/regress/schedule.  $1: one test, or empty
# CRM_SCHEMA=name runs the same tests with the extension in another schema, but for those that the schedule has as "once".
set -eu
schema=${CRM_SCHEMA:-crm}
in=$CRM_STAGE/tests/regress
wanted='test|once'
if [ "$schema" != crm ]; then
    wanted='test'
    # settings keep their prefix; everything else moves
    find "$in/sql" "$in/expected" "$in"/*.sql -type f | while read -r file; do
        sed -i -E "s/\bcrm\./$schema./g; s/\b$schema\.(token|token_audience|token_key_file|require_local_token|allow_drop|pending_limit|pending_hard_limit|schema|identity|outer_role)\b/crm.\1/g; s/(SCHEMA|schema) crm\b/\1 $schema/g" "$file"
    done
fi
tests=$(sed -nE "s/^($wanted): *//p" "$in/schedule")
if [ -n "${1:-}" ]; then
    echo "$tests" | grep -qx "$1" || exit 0
    tests="setup ${1#setup}"
fi
"$CRM_STAGE/scripts/server" "$CRM_STAGE/pg" C "$in/postgresql.conf"
trap 'pg_ctl -D "$CRM_STAGE/pg/data" -m immediate stop >/dev/null 2>&1' EXIT
# shellcheck disable=SC2086
"$PGXS_TEST/regress/pg_regress" --host="$CRM_STAGE/pg" --user=postgres --dbname=regression --bindir="$PG_BIN" \
    --inputdir="$in" --outputdir="$in" $tests ||
    { cat "$in/regression.diffs" 2>/dev/null; [ -z "${DIFFS:-}" ] || cp "$in/regression.diffs" "$in"/results/*.out "$DIFFS"; exit 1; }
