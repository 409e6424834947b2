#!/bin/bash
# In a stage of the newer server, with older ones and crm for them in $CRM_FROM_SERVERS (tests/upgrade-major): tests/majors/*.pl, from each of them.
# $1: one test, or empty
set -eu
cd "$CRM_STAGE/tests/majors"
files=$(ls -- *.pl)
[ -z "${1:-}" ] || files=$(echo "$files" | grep -xF "$1.pl") || exit 0
failed=
for each in $CRM_FROM_SERVERS; do
    tap=$CRM_STAGE/tap-from-$(basename "$each")
    export CRM_OLD_SERVER="$each" PG_REGRESS="$PGXS_TEST/regress/pg_regress" TESTDATADIR="$tap" TESTLOGDIR="$tap/log" PGPORT=65432
    mkdir -p "$TESTLOGDIR"
    # shellcheck disable=SC2086
    prove --merge -v -I "$PGXS_TEST/perl" -I "$CRM_STAGE/tests/tap" $files ||
        { tail -n 40 "$TESTLOGDIR"/*.log "$CRM_STAGE"/tests/majors/tmp_check/log/* 2>/dev/null; failed=1; }
done
[ -z "$failed" ]
