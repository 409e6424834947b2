#!/bin/bash
# In a stage of the server with assertions: regression tests of what keeps caches, in a server that forgets table definitions and
# catalogue rows as soon as nobody holds them, and with CRM_DISCARD=1 in sessions that forget all they know whenever another session
# could have changed it (debug_discard_caches, which takes fifty times longer).  $1: one test, or empty for the list below
set -eu
cd "$CRM_STAGE"
# What keeps caches first; with the others nearly every C function that SQL calls is reached: tests/uncalled names the rest.
list="adopt track protect token mask share capture capture_limit fold captured_sums counted resolve merge erase rule action
  match golden redirect sla conversion rule_kind rule_hour explain adopted_ddl attack_plan partition report forecast message cohort calendar
  email phone stage journey journey_funnel window_funnel similarity path duration attribution bad_input"
export CRM_POSTGRES=$PG_BIN/postgres-forgetful
if [ -n "${CRM_DISCARD:-}" ]; then
    sed -i 's/^\\c scratch$/ALTER DATABASE scratch SET debug_discard_caches = 1;\n&/' tests/regress/fresh.sql
    grep -q debug_discard_caches tests/regress/fresh.sql
fi
CRM_TESTS=$(printf '%s\n' $list) exec tests/regress.sh "${1:-}"
