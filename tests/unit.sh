#!/bin/bash
# In a stage: the programs built from tests/unit/*.c.  $1: one test, or empty
set -u
status=0
for program in "$CRM_STAGE"/unit/*; do
    [ -x "$program" ] && [ -f "$program" ] || continue
    [ -z "${1:-}" ] || [ "$(basename "$program")" = "$1" ] || continue
    echo "# $(basename "$program")"
    CMOCKA_MESSAGE_OUTPUT=TAP "$program" || status=1
done
exit $status
