#!/bin/bash
# In a stage of the newer server, with the older one and crm for it in /usr/lib/postgresql (tests/upgrade-major): tests/majors/*.pl.
# $1: one test, or empty
set -eu
cd "$CRM_STAGE/tests/majors"
files=$(ls -- *.pl)
[ -z "${1:-}" ] || files=$(echo "$files" | grep -xF "$1.pl") || exit 0
export PG_REGRESS="$PGXS_TEST/regress/pg_regress" TESTDATADIR="$CRM_STAGE/tap" TESTLOGDIR="$CRM_STAGE/tap/log" PGPORT=65432
mkdir -p "$TESTLOGDIR"
# shellcheck disable=SC2086
prove --merge -v -I "$PGXS_TEST/perl" -I "$CRM_STAGE/tests/tap" $files ||
    { tail -n 40 "$TESTLOGDIR"/*.log "$CRM_STAGE"/tests/majors/tmp_check/log/* 2>/dev/null; exit 1; }
