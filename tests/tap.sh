#!/bin/bash
# In a stage: tests/tap/*.pl by prove.  $1: names of tests, or empty for all
set -eu
cd "$CRM_STAGE/tests/tap" 2>/dev/null || exit 0
files=$(ls -- *.pl 2>/dev/null || true)
# shellcheck disable=SC2086
[ -z "${1:-}" ] || files=$(echo "$files" | grep -xF "$(printf '%s.pl\n' $1)") || exit 0
[ -n "$files" ] || exit 0
[ -d "$PGXS_TEST/perl" ] || { echo "skipped: all TAP tests: this server came without PostgreSQL's test modules"; exit 0; }
export PG_REGRESS="$PGXS_TEST/regress/pg_regress" TESTDATADIR="$CRM_STAGE/tap" TESTLOGDIR="$CRM_STAGE/tap/log" PGPORT=65432
mkdir -p "$TESTLOGDIR"
# shellcheck disable=SC2086
prove --merge -v -I "$PGXS_TEST/perl" -I "$CRM_STAGE/tests/tap" $files ||
    { tail -n 40 "$TESTLOGDIR"/*.log "$CRM_STAGE"/tests/tap/tmp_check/log/* 2>/dev/null; exit 1; }
