#!/bin/bash
# In a stage: the regression tests once more, with the extension in a schema that is not called crm.
CRM_SCHEMA=acme exec "$(dirname "$0")/regress.sh" "$@"
