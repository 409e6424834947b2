# shellcheck shell=bash disable=SC2154
# What was left untouched, and how to go on.

title "And away again"
typed "SELECT crm.disown_all();"
if [ -n "${DEMO_KEEP:-}" ]; then ending=ROLLBACK; else ending=COMMIT; fi
if [ -z "${DEMO_KEEP:-}" ]; then stop_crmd; fi
psql_quiet -o "$LOG/step.log" <<SQL
BEGIN;
CREATE TEMPORARY TABLE given_back AS SELECT crm.disown_all('10 seconds') AS tables;
CREATE TEMPORARY TABLE changed AS
    (TABLE demo.catalogue EXCEPT TABLE demo.catalogue_before) UNION ALL (TABLE demo.catalogue_before EXCEPT TABLE demo.catalogue);
\copy (SELECT (SELECT tables FROM given_back), (SELECT count(*) FROM demo.catalogue_before), (SELECT count(*) FROM changed)) TO '$LOG/given_back'
\copy (SELECT name || ': ' || entry FROM changed ORDER BY 1 LIMIT 20) TO '$LOG/changed'
$ending;
SQL
read -r tables entries changed <"$LOG/given_back"
[ "$changed" = 0 ] || fail "$changed catalogue entries differ after disown_all: $(cat "$LOG/changed")"
[ "$tables" = 15 ] || fail "disown_all gave back $tables tables and not 15"
good "$tables tables given back; of $entries catalogue entries (columns, constraints, triggers, policies,"
note "  rights) that were noted before the extension was there, $changed differ"

gap
seconds=$(($(date +%s) - began))
if [ -n "${DEMO_KEEP:-}" ]; then
    say "That was rolled back, so that you can look around. Everything ran in $seconds seconds; server and crmd keep running:"
    note "psql 'postgresql:///company?host=$PGHOST&user=postgres'"
    note "psql 'postgresql:///company?host=$PGHOST&user=ingrid'     (or luca: what a manager sees)"
    note "tail -f $LOG/crmd.log"
    note "make demo-stop"
else
    say "Everything ran in $seconds seconds, and nothing is left running. make demo KEEP=1 leaves server and crmd for you to" \
        "look around. With your own tables: README.md, which begins with CREATE EXTENSION and suggest_adopt."
fi
