# shellcheck shell=bash disable=SC2154,SC2016
# crm looks at the tables and is told what they mean.

title "Adopt: crm reads the tables where they are"
psql_quiet -c 'CREATE SCHEMA crm' -c 'CREATE EXTENSION crm SCHEMA crm' \
    -c 'ALTER DATABASE company SET search_path = "$user", public, crm' >"$LOG/step.log"
typed "SELECT * FROM crm.suggest_adopt();"
table "SELECT relation_name, entity, confidence, rows FROM crm.suggest_adopt() ORDER BY rows DESC"
must "(SELECT count(*) FROM crm.suggest_adopt() WHERE relation_name ~ '^(marketing|sales|service)\.') >= 10" \
    "suggest_adopt recognises at least ten tables"
say "Each comes with a call to read, mend and run. For the deals it is"
typed "$(value "SELECT call FROM crm.suggest_adopt('sales.deals')" | fmt -w 94)"

gap
say "Departments, offices, one funnel and what all columns mean stand in scripts/demo/setup. The deals, mended:"
setup() { psql_quiet -o "$LOG/step.log" -f "$here/setup/$1"; }
setup 10-organisation.sql
setup 20-funnel.sql
ask "$(cat "$here/setup/25-adopt-deals.sql")"
others() { setup 30-adopt.sql; }
during "Adopt the other tables" others
must "(SELECT count(*) FROM crm.adoption) = 15" "fifteen tables are adopted"

