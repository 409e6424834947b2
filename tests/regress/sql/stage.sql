-- The type stage: forms, order, indexes, errors.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
SELECT format('public, %s', extnamespace::regnamespace) AS path FROM pg_extension WHERE extname = 'crm' \gset
SET search_path = :path;
SELECT crm.create_funnel('sales', 'opportunity', '["prospecting", "engaging", {"key": "won", "label": "Closed won"}]');

-- The long form needs no table, the short one asks the catalogue.
SELECT 'sales:30:proposal'::crm.stage, 'nowhere:0:x'::crm.stage, 'sales:007:x'::crm.stage;
SELECT 'sales:engaging'::crm.stage, 'sales:closed WON'::crm.stage;
SELECT crm.stage_funnel(s), crm.stage_position(s), crm.stage_key(s), pg_column_size(s)
FROM (VALUES ('sales:2147483647:Angebot geprüft'::crm.stage)) v (s);
SELECT crm.stage('sales', 30, 'proposal') = 'sales:30:proposal';

-- Text and binary forms give the same value back.
CREATE TABLE deal (id integer PRIMARY KEY, stage crm.stage DEFAULT 'sales:prospecting' CHECK (stage >= 'sales:0:a'));
INSERT INTO deal VALUES (1, 'sales:engaging'), (2, 'sales:won'), (3, DEFAULT), (4, 'sales:150:trial'), (5, NULL);
\set copyfile `echo "${TMPDIR:-/tmp}/crm_stage_$$.bin"`
COPY deal TO :'copyfile' (FORMAT binary);
CREATE TABLE again (LIKE deal);
COPY again FROM :'copyfile' (FORMAT binary);
\! rm -f "${TMPDIR:-/tmp}"/crm_stage_*.bin
SELECT count(*), count(*) FILTER (WHERE a.stage::text = d.stage::text AND a.stage = d.stage) AS same
FROM again a JOIN deal d USING (id);
SELECT crm.stage_send('a:1:b');

-- Orders by funnel, position (as a number), key.
SELECT s FROM unnest('{sales:100:b,sales:100:a,sales:20:z,salesx:1:a,sales:3:z,sale:900:a,sales:70000:a}'::crm.stage[]) s ORDER BY s;
SELECT min(stage), max(stage) FROM deal;
SELECT a < b, a <= b, a = b, a <> b, a >= b, a > b, crm.stage_cmp(a, b)
FROM (VALUES ('sales:20:z'::crm.stage, 'sales:100:a'::crm.stage), ('sales:20:z', 'sales:20:z')) v (a, b);

-- Indexes of both kinds, joins and groups by hash.
CREATE INDEX deal_stage ON deal (stage);
CREATE INDEX deal_stage_hash ON deal USING hash (stage);
SET enable_seqscan = off;
SELECT id FROM deal WHERE stage > 'sales:prospecting' ORDER BY stage;
SELECT id FROM deal WHERE stage = 'sales:won';
EXPLAIN (COSTS OFF) SELECT id FROM deal WHERE stage > 'sales:100:prospecting' ORDER BY stage;
RESET enable_seqscan;
SET enable_mergejoin = off;
SET enable_nestloop = off;
SELECT count(*) FROM deal a JOIN deal b USING (stage);
RESET enable_mergejoin;
RESET enable_nestloop;
SELECT stage, count(*) FROM deal GROUP BY stage ORDER BY 1;
SELECT bool_and(crm.stage_hash_extended(stage, 0)::bit(32) = crm.stage_hash(stage)::bit(32)) FROM deal;
CREATE TABLE parted (stage crm.stage) PARTITION BY RANGE (stage);
CREATE TABLE parted_early PARTITION OF parted FOR VALUES FROM (MINVALUE) TO ('sales:200:a');
INSERT INTO parted VALUES ('sales:100:x');
INSERT INTO parted VALUES ('sales:300:x');
SELECT tableoid::regclass, * FROM parted;
SELECT amname, opcname, opcdefault FROM pg_opclass JOIN pg_am a ON a.oid = opcmethod
WHERE opcintype = 'crm.stage'::regtype ORDER BY 1;
SELECT oprname, oprcom::regoper::text = oprname AS self_commuting, oprcanhash, oprcanmerge, proleakproof, oprrest, oprjoin
FROM pg_operator JOIN pg_proc p ON p.oid = oprcode WHERE oprleft = 'crm.stage'::regtype ORDER BY 1;

-- Errors.
SELECT 'sales'::crm.stage;
SELECT ''::crm.stage;
SELECT 'sales:won:late'::crm.stage;
SELECT 'sales:-1:a'::crm.stage;
SELECT 'sales:2147483648:a'::crm.stage;
SELECT 'sales:1:2:a'::crm.stage;
SELECT 'sales::a'::crm.stage;
SELECT ':1:a'::crm.stage;
SELECT 'sales:1:'::crm.stage;
SELECT ' sales:1:a'::crm.stage;
SELECT E'sales:1:a\tb'::crm.stage;
SELECT ('sales:1:' || repeat('x', 63))::crm.stage IS NOT NULL;
SELECT ('sales:1:' || repeat('x', 64))::crm.stage;
SELECT 'sales:engagin'::crm.stage;
SELECT 'sale:won'::crm.stage;
SELECT 'sales:entirely different'::crm.stage;
SELECT 'entirely different:x'::crm.stage;
\echo :LAST_ERROR_SQLSTATE
SELECT crm.stage('sales', -1, 'a');
SELECT crm.stage('sales', 1, 'a:b');

-- Binary input takes nothing that output could not have made.
CREATE FUNCTION recv(bytes bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    file text := format('%s/crm_recv_%s.bin', coalesce(nullif(current_setting('data_directory'), ''), '/tmp'), pg_backend_pid());
    cell bytea := '\x5047434f50590aff0d0a00'::bytea || '\x00000000000000000001'::bytea || int4send(length(bytes)) || bytes || '\xffff'::bytea;
    oid_of oid := lo_from_bytea(0, cell);
    result text;
BEGIN
    PERFORM lo_export(oid_of, file);
    CREATE TEMP TABLE received (s crm.stage) ON COMMIT DROP;
    EXECUTE format('COPY received FROM %L (FORMAT binary)', file);
    SELECT s::text INTO result FROM received;
    DROP TABLE received;
    RETURN result;
END
$$;
SELECT recv(crm.stage_send('sales:30:proposal'));
SELECT recv('\x02');
SELECT recv('\x01ffffffff' || 'a:b'::bytea);
SELECT recv('\x0100000001' || 'ab'::bytea);
SELECT recv('\x0100000001' || 'a:b:c'::bytea);
SELECT recv('\x0100000001' || ':b'::bytea);
SELECT recv('\x0100000001613a00');
SELECT recv('\x0100000001613aff');
SELECT recv('\x010000');

-- Sorts keys as people do.
SELECT k FROM unnest('{Case 10,Case 2,Case 02,Case 1,a10b,a9b,"[\"x\", 10]","[\"x\", 9]",-5,3}'::text[]) k ORDER BY crm.key_order(k) COLLATE "C", k COLLATE "C";
