# shellcheck shell=bash disable=SC2154
# Reading what was there, and linking records that mean the same customer.

title "Link: which records mean the same customer"
backfill() { value "SELECT format('CALL crm.backfill(%L);', relation) FROM crm.adoption ORDER BY relation::text" | psql_quiet; }
during "CALL crm.backfill(...) for each table: readers' locks only, writers go on" backfill
must "NOT EXISTS (SELECT FROM crm.filling WHERE state <> 'ready')" "every table is read"
link() { psql_quiet -c 'CALL crm.resolve()'; }
during "CALL crm.resolve();" link

# The generator knows who is who; crm does not. Pairs of records that crm joined, against pairs that belong together.
value "
CREATE UNLOGGED TABLE demo.linked AS
SELECT t.who, r.customer_id, r.relation, r.record_key, r.department FROM crm.customer_record r JOIN demo.truth t USING (relation, record_key);
CREATE UNLOGGED TABLE demo.linking AS
SELECT (SELECT count(*) FROM demo.linked) AS records, (SELECT count(DISTINCT customer_id) FROM demo.linked) AS customers,
       (SELECT count(DISTINCT who) FROM demo.truth) AS in_truth,
       (SELECT sum(n * (n - 1) / 2) FROM (SELECT count(*) AS n FROM demo.linked GROUP BY who) w) AS pairs,
       (SELECT sum(n * (n - 1) / 2) FROM (SELECT count(*) AS n FROM demo.linked GROUP BY who, customer_id) w) AS found,
       (SELECT sum(n * (n - 1) / 2) FROM (SELECT count(*) AS n FROM demo.linked GROUP BY customer_id) w)
       - (SELECT sum(n * (n - 1) / 2) FROM (SELECT count(*) AS n FROM demo.linked GROUP BY who, customer_id) w) AS wrong"
table "
SELECT to_char(records, '999,999') AS records, to_char(customers, '999,999') AS customers,
       to_char(records - customers, '999,999') AS \"joined\",
       to_char(100.0 * found / pairs, '990.0') || ' % of ' || trim(to_char(pairs, '999,999')) AS \"pairs found\", wrong AS \"joined wrongly\",
       to_char(in_truth, '999,999') AS \"truly\"
FROM demo.linking"
must "(SELECT records = (SELECT count(*) FROM demo.truth) FROM demo.linking)" "every record belongs to a customer"
must "(SELECT customers >= 20000 FROM demo.linking)" "there are at least 20,000 customers"
must "(SELECT found > 0.9 * pairs FROM demo.linking)" "more than nine of ten true pairs are found"
must "(SELECT wrong < found / 200 FROM demo.linking)" "of two hundred pairs that are joined at most one is wrong"
say "The generator keeps the truth, crm does not see it. joined: records that duplicate a customer. truly: how many customers there are. What is not found has neither an e-mail address nor a phone in" \
    "common, and a name that others have too."
table "
SELECT departments AS \"known to\", to_char(count(*), '999,999') AS customers,
       repeat('█', round(48.0 * count(*) / max(count(*)) OVER ())::int) AS \" \"
FROM (SELECT customer_id, string_agg(DISTINCT department, ' + ') AS departments FROM demo.linked GROUP BY 1) c
GROUP BY 1 ORDER BY count(*) DESC"
must "NOT EXISTS (TABLE demo.contents EXCEPT TABLE demo.contents_before)" "no row of a department's table was touched"
good "no row of any of these tables was touched: their contents have the same fingerprints as before"
