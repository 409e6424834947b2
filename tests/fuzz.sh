#!/bin/bash
# In a stage: the fuzz targets over their kept inputs, and a second of new ones each, at most 5,000, the same in each run.  $1: one target, or empty
set -eu
[ -d "$CRM_STAGE/fuzz" ] || { echo "skipped: fuzz: there is no clang with its fuzzer; scripts/setup --fuzz installs it"; exit 0; }
export CRM_FUZZ_RUNS=${CRM_FUZZ_RUNS:-5000}
exec "$CRM_STAGE/tests/fuzz/run" "$CRM_STAGE/fuzz" "$CRM_STAGE/tests/fuzz/corpus" "${CRM_FUZZ_SECONDS:-1}" "$CRM_STAGE/fuzz-found" "${1:-}"
