# shellcheck shell=bash disable=SC2154
# The same query as two managers.

title "The same query, two managers"
say "Ingrid leads the North, Luca the South; each is a database role bound to a principal. preview_protect shows who would" \
    "see and lose which rows before anything is locked:"
typed "SELECT * FROM crm.preview_protect('sales.deals', '{\"organisation\": \"office\"}');"
table "SELECT kind, name, sees, loses, regexp_replace(detail, ':.*', '') AS detail
       FROM crm.preview_protect('sales.deals', '{\"organisation\": \"office\"}') WHERE kind IN ('principal', 'stranger')"
typed "SELECT * FROM crm.protect('sales.deals', '{\"organisation\": \"office\"}');"
psql_quiet -o "$LOG/step.log" -c "SELECT * FROM crm.protect('sales.deals', '{\"organisation\": \"office\"}')"
query="SELECT count(*) AS deals, sum(value) AS value, string_agg(DISTINCT office, ' ') AS offices
FROM sales.deals"
total="SELECT sum(numerator) AS won_value FROM crm_bi.kpi_value WHERE kpi_key = 'won_value'"
as() { # as ROLE QUERY: one value, in a session of that role
    PGUSER=$1 psql_quiet -c "$2"
}
gap
typed "$query;"
typed "$total;"
psql_quiet -c "CREATE UNLOGGED TABLE demo.seen (manager text, region text, deals bigint, value numeric, offices text, won_value numeric)"
for who in ingrid:North luca:South; do
    answer=$(as "${who%:*}" "SELECT format('%s, %L, %s', q.deals, q.offices, q.value) FROM ($query) q")
    psql_quiet -c "INSERT INTO demo.seen (manager, region, deals, offices, value, won_value) SELECT '${who%:*}', '${who#*:}', $answer, $(as "${who%:*}" "$total")"
done
table "SELECT manager, deals AS \"deals seen\", to_char(value, '999,999,999') AS value, offices,
       to_char(won_value, '999,999,999') AS \"won value of the company\" FROM demo.seen ORDER BY 1"
must "(SELECT bool_and(s.deals = (SELECT count(*) FROM sales.deals d JOIN demo.office o USING (office) WHERE o.region = s.region)) FROM demo.seen s)" \
    "each manager sees the deals of the own region, and only these"
must "(SELECT bool_and(won_value = (SELECT sum(value) FROM sales.deals WHERE status = 'won')) FROM demo.seen)" \
    "both see the company's numbers"
must "(SELECT count(DISTINCT deals) = 2 FROM demo.seen)" "the managers see different rows"
say "Rows follow the privilege read, which the role manager gives on the own unit and below. Numbers follow the privilege" \
    "total, which it gives on the whole company: openness is the default for numbers. A login that is nobody gets an" \
    "error, never rows:"
typed "\\c - trainee"
refusal=$(PGUSER=trainee psql -qXAt -v VERBOSITY=default -c "SELECT count(*) FROM sales.deals" 2>&1) && fail "a role that is no principal got rows"
note "$(head -n 1 <<<"$refusal" | cut -c1-94)"
case $refusal in *HINT*) ;; *) fail "the refusal has no hint" ;; esac
typed "$(grep '^HINT' <<<"$refusal" | head -n 1 | fmt -w 90)"
