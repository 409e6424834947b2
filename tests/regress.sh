#!/bin/bash
# In a stage: pg_regress over tests/regress/sql, in the order of tests/regress/schedule.  $1: one test, or empty
# CRM_TESTS="name ..." are the tests without $1, in place of the schedule's.
# CRM_POSTGRES is a program to start in postgres' place, where it is set, once the extension is installed.
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
tests=${CRM_TESTS:-$(sed -nE "s/^($wanted): *//p" "$in/schedule")}
if [ -n "${1:-}" ]; then
    grep -qxE "($wanted): *$1" "$in/schedule" || exit 0
    tests=$1
fi
tests=$(echo "$tests" | grep -vx setup || true)
lacks() { # what this server was built without that a test needs
    local extension
    for extension in $(sed -nE 's/^CREATE EXTENSION (IF NOT EXISTS )?([a-z_]+).*/\2/p' "$in/sql/$1.sql"); do
        [ -e "$("$PG_CONFIG" --sharedir)/extension/$extension.control" ] || echo "$extension"
    done
    if grep -qi xml "$in/sql/$1.sql" && ! "$PG_CONFIG" --configure | grep -q -e '--with-libxml'; then echo libxml; fi
    if [ "$1" = attack_oracle ] && [ "$("$PG_CONFIG" --version)" = 'PostgreSQL 16.2' ]; then echo 'psql that skips the data of a refused COPY'; fi
    if grep -q 'provider = icu' "$in/sql/$1.sql" && "$PG_CONFIG" --configure | grep -q -e '--without-icu'; then echo ICU; fi
}
here=
for test in $tests; do
    without=$(lacks "$test")
    if [ -n "$without" ]; then echo "skipped: $test: this server has no $without"; else here+=" $test"; fi
done
tests=$here
"$CRM_STAGE/scripts/server" "$CRM_STAGE/pg" C "$in/postgresql.conf"
trap 'pg_ctl -D "$CRM_STAGE/pg/data" -m immediate stop >/dev/null 2>&1' EXIT
run() {
    "$PGXS_TEST/regress/pg_regress" --host="$CRM_STAGE/pg" --user=postgres --dbname=regression --bindir="$PG_BIN" \
        --inputdir="$in" --outputdir="$in" "$@" ||
        { cat "$in/regression.diffs" 2>/dev/null; grep -aE '^TRAP:|runtime error:|terminated by signal' "$CRM_STAGE/pg/server.log"; [ -z "${DIFFS:-}" ] || cp "$in/regression.diffs" "$in"/results/*.out "$DIFFS"; exit 1; }
}
if [ -n "${CRM_POSTGRES:-}" ]; then
    run setup
    pg_ctl -D "$CRM_STAGE/pg/data" -m fast -w stop >/dev/null
    pg_ctl -p "$CRM_POSTGRES" -D "$CRM_STAGE/pg/data" -l "$CRM_STAGE/pg/server.log" -w -t 300 start >/dev/null ||
        { cat "$CRM_STAGE/pg/server.log"; exit 1; }
    # shellcheck disable=SC2086
    [ -z "$tests" ] || run $tests
else
    # shellcheck disable=SC2086
    run setup $tests
fi
