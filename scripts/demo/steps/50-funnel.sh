# shellcheck shell=bash disable=SC2154
# From the first touch to the renewal, across the departments.

title "One funnel, from the first visit to the renewal"
typed "SELECT * FROM crm.funnel_reach('journey');"
reach() { psql_quiet -c "CREATE UNLOGGED TABLE demo.reach AS SELECT * FROM crm.funnel_reach('journey')"; }
during "Count every customer's way through thirteen stages" reach
table "
SELECT s.department, s.label AS stage, to_char(r.entered, '99,999') AS customers,
       coalesce(to_char(100 * r.conversion_of_previous, '990.0') || ' %', '') AS \"of prev.\",
       to_char(100 * r.conversion_of_first, '990.0') || ' %' AS \"of first\",
       coalesce(to_char(r.median_days_to_next, '990.0'), '') AS \"days on\",
       repeat('█', greatest(1, round(16 * r.conversion_of_first)::int)) AS \" \"
FROM demo.reach r JOIN crm_bi.dim_stage s ON s.funnel = 'journey' AND s.stage = r.stage
ORDER BY r.position"
# The generator knows how many reached each stage; only linked records give the same counts after the hand-overs.
psql_quiet -c "
CREATE UNLOGGED TABLE demo.reach_in_truth AS
SELECT v.* FROM (SELECT count(lead) AS lead, count(mql) AS mql, count(sal) AS accepted, count(sql) AS qualified, count(proposal) AS proposal,
                        count(won) AS won, count(kickoff) AS kick_off, count(live) AS live, count(first_value) AS first_value,
                        count(renewed) AS renewed, count(lost) AS lost, count(churned) AS cancelled FROM demo.path) p,
     LATERAL (SELECT key AS stage, value::bigint AS entered FROM jsonb_each_text(to_jsonb(p))) v"
must "NOT EXISTS (SELECT FROM demo.reach_in_truth t JOIN demo.reach r USING (stage) WHERE t.entered <> r.entered)" \
    "the funnel counts what the generator made"
must "(SELECT count(*) = 12 FROM demo.reach_in_truth t JOIN demo.reach r USING (stage))" "twelve stages are compared"
good "each stage from lead on has exactly as many customers as the generator sent there"
