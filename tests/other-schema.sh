#!/bin/bash
# In a stage: the regression tests once more, with the extension in a schema that is not called crm.
# Its name has three letters as well, so that the tables of psql are as wide.
CRM_SCHEMA=our exec "$(dirname "$0")/regress.sh" "$@"
