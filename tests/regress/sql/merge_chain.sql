\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh

-- random merges of random rows over a schema of everything that can refer, taken back in random order: every row is as it was.
-- Where one must wait for another (RM205) it is tried again later.
CREATE EXTENSION btree_gist;
CREATE TYPE mood AS ENUM ('ok','bad'); CREATE DOMAIN posint AS int CHECK (value > 0); CREATE TYPE pt AS (x float8, y text);
CREATE TABLE cust (tenant int, id bigint GENERATED ALWAYS AS IDENTITY, code text NOT NULL UNIQUE, email text UNIQUE, name text, parent_tenant int, parent bigint,
  up text GENERATED ALWAYS AS (upper(name)) STORED, iv interval, b bytea, f float8, arr text[], m mood, d posint, c pt, r tstzrange, j jsonb, n numeric,
  PRIMARY KEY (tenant, id), FOREIGN KEY (parent_tenant, parent) REFERENCES cust (tenant, id) DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE addr (tenant int, cust bigint, kind text, street text, zip text, PRIMARY KEY (tenant, cust, kind), FOREIGN KEY (tenant, cust) REFERENCES cust ON DELETE CASCADE);
CREATE TABLE addr_note (id int PRIMARY KEY, tenant int, cust bigint, kind text, body text, FOREIGN KEY (tenant, cust, kind) REFERENCES addr ON UPDATE CASCADE ON DELETE SET NULL);
CREATE TABLE addr_tag (tenant int, cust bigint, kind text, tag text, PRIMARY KEY (tenant, cust, kind, tag), FOREIGN KEY (tenant, cust, kind) REFERENCES addr ON DELETE RESTRICT);
CREATE TABLE ord (tenant int, id int, cust bigint, seller bigint, made date, note text, PRIMARY KEY (id, made), FOREIGN KEY (tenant, cust) REFERENCES cust, FOREIGN KEY (tenant, seller) REFERENCES cust ON DELETE RESTRICT) PARTITION BY RANGE (made);
CREATE TABLE ord1 PARTITION OF ord FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE ord2 (made date NOT NULL, note text, seller bigint, cust bigint, id int NOT NULL, tenant int);
ALTER TABLE ord ATTACH PARTITION ord2 FOR VALUES FROM ('2021-01-01') TO ('2022-01-01');
CREATE TABLE bycode (code text REFERENCES cust (code) ON UPDATE CASCADE, what text);
CREATE TABLE booking (id serial PRIMARY KEY, tenant int, cust bigint, during tstzrange, EXCLUDE USING gist (cust WITH =, during WITH &&), FOREIGN KEY (tenant, cust) REFERENCES cust NOT VALID);
CREATE TABLE main_contact (id int PRIMARY KEY, tenant int, cust bigint, main boolean, label text, FOREIGN KEY (tenant, cust) REFERENCES cust);
CREATE UNIQUE INDEX ON main_contact (cust) WHERE main;
CREATE UNIQUE INDEX ON main_contact (cust, lower(label));
CREATE TABLE base_log (tenant int, cust bigint, t text, FOREIGN KEY (tenant, cust) REFERENCES cust);
CREATE TABLE sub_log (extra text) INHERITS (base_log);
CREATE TABLE soft (id int PRIMARY KEY, c text);
SELECT crm.register_reference('soft', '{c}', 'cust', '{code}');
CREATE FUNCTION fill() RETURNS void LANGUAGE plpgsql AS $$ BEGIN
 FOR i IN 1..12 LOOP
  INSERT INTO cust (tenant, code, email, name, iv, b, f, arr, m, d, c, r, j, n) VALUES (1, 'c'||i, CASE WHEN random()<0.7 THEN 'e'||i END, CASE WHEN random()<.7 THEN 'n'||i END,
   make_interval(days=>i, hours=>-i), decode('00ff','hex'), random(), ARRAY['a,"b', NULL, '{}'], 'bad', i, ROW(0.1+i, 'x,"y'), tstzrange(now(), NULL), '{"a": 1.50}', 1.10);
 END LOOP;
 UPDATE cust SET parent_tenant=1, parent = 1 + (random()*11)::int WHERE random()<0.6;
 INSERT INTO addr SELECT 1, c, k, 's'||c||k, CASE WHEN random()<.5 THEN 'z'||c END FROM generate_series(1,12) c, unnest(ARRAY['home','work','x']) k WHERE random()<0.6;
 INSERT INTO addr_note SELECT row_number() over (), tenant, cust, kind, 'b'||random() FROM addr, generate_series(1,2) WHERE random()<0.7;
 INSERT INTO addr_tag SELECT tenant, cust, kind, t FROM addr, unnest(ARRAY['p','q']) t WHERE random()<0.6;
 INSERT INTO ord SELECT 1, g, 1+(random()*11)::int, 1+(random()*11)::int, '2020-06-01'::date + (g*17), 'o' FROM generate_series(1,30) g;
 INSERT INTO bycode SELECT 'c'||(1+(random()*11)::int), 'w' FROM generate_series(1,15);
 FOR i IN 1..20 LOOP BEGIN INSERT INTO booking (tenant,cust,during) VALUES (1, 1+(random()*11)::int, tstzrange('2024-01-01'::timestamptz+random()*'10 days'::interval, '2024-01-12'::timestamptz+random()*'3 days'::interval)); EXCEPTION WHEN exclusion_violation THEN NULL; END; END LOOP;
 INSERT INTO main_contact SELECT c*10+l, 1, c, l=1, CASE WHEN random()<.5 THEN 'Lab' ELSE 'lab'||l END FROM generate_series(1,12) c, generate_series(1,3) l WHERE random()<.7 ON CONFLICT DO NOTHING;
 INSERT INTO base_log SELECT 1, 1+(random()*11)::int, 't' FROM generate_series(1,10);
 INSERT INTO sub_log SELECT 1, 1+(random()*11)::int, 't','e' FROM generate_series(1,10);
 INSERT INTO soft SELECT g, 'c'||(1+(random()*14)::int) FROM generate_series(1,10) g;
END $$;
CREATE FUNCTION snap() RETURNS text LANGUAGE plpgsql AS $$ DECLARE t text; r text; o text := ''; BEGIN
 FOREACH t IN ARRAY ARRAY['cust','addr','addr_note','addr_tag','ord','bycode','booking','main_contact','base_log','sub_log','soft'] LOOP
  EXECUTE format('SELECT string_agg(x, E''\n'' ORDER BY x) FROM (SELECT t.tableoid::regclass::text || t::text AS x FROM %I t) y', t) INTO r; o := o || t || E'\n' || coalesce(r,'') || E'\n';
 END LOOP; RETURN o; END $$;
CREATE TABLE res (seed int, n int, ok boolean, err text, findings int);
CREATE PROCEDURE go(seed int, nm int, pol text) LANGUAGE plpgsql AS $$
DECLARE s0 text; s1 text; ids bigint[] := '{}'; k bigint[]; id bigint; e text := ''; c int; failed int := 0; f int := 0; det text; ctx text;
BEGIN
 TRUNCATE cust, addr, addr_note, addr_tag, ord, bycode, booking, main_contact, base_log, sub_log, soft RESTART IDENTITY;
 PERFORM setseed(seed/1000.0); PERFORM fill(); SET CONSTRAINTS ALL IMMEDIATE; s0 := snap();
 FOR i IN 1..nm LOOP
  SELECT array_agg(x.id ORDER BY random()) INTO k FROM cust x;
  EXIT WHEN cardinality(k) < 3;
  BEGIN
   id := crm.merge('cust', format('["1","%s"]', k[1]), ARRAY(SELECT format('["1","%s"]', v) FROM unnest(k[2:1+1+(random()*1.4)::int]) v), on_collision => pol);
   ids := ids || id;
  EXCEPTION WHEN OTHERS THEN failed := failed+1; GET STACKED DIAGNOSTICS det = PG_EXCEPTION_DETAIL, ctx = PG_EXCEPTION_CONTEXT; e := e || sqlerrm || '|' || left(det,200) || CASE WHEN sqlstate LIKE 'RM%' THEN '' ELSE left(ctx,800) END || ';'; END;
 END LOOP;
 SELECT array_agg(v ORDER BY random()) INTO ids FROM unnest(ids) v;
 ids := coalesce(ids,'{}'); failed := cardinality(ids); WHILE cardinality(ids) > 0 AND failed >= 0 LOOP id := ids[1]; ids := ids[2:];
  BEGIN PERFORM crm.unmerge(id); failed := cardinality(ids);
  EXCEPTION WHEN SQLSTATE 'RM205' THEN ids := ids || id; failed := failed - 1; e := e || 'later '; WHEN OTHERS THEN failed := failed - 1; GET STACKED DIAGNOSTICS det = PG_EXCEPTION_DETAIL, ctx = PG_EXCEPTION_CONTEXT; e := e || 'UN ' || id || ids::text || sqlerrm || '|' || coalesce(left(det,300),'') || left(ctx,900) || ';'; END;
  SELECT count(*) INTO c FROM crm.unmerge_report(id); f := f + c;  END LOOP;
 s1 := snap();
 INSERT INTO res VALUES (seed, nm, s0 = s1, e, f);
 IF s0 <> s1 THEN INSERT INTO diffs SELECT seed, 'lost', x FROM (SELECT unnest(string_to_array(s0,E'\n')) EXCEPT ALL SELECT unnest(string_to_array(s1,E'\n'))) y(x) UNION ALL SELECT seed, 'new', x FROM (SELECT unnest(string_to_array(s1,E'\n')) EXCEPT ALL SELECT unnest(string_to_array(s0,E'\n'))) y(x); END IF;
 COMMIT;
END $$;
CREATE TABLE diffs (seed int, w text, x text);  CREATE TABLE rep (seed int, id bigint, rel regclass, k text, f text, w jsonb, fo jsonb);

CALL go(3, 6, 'keep');
CALL go(6, 5, 'combine');
CALL go(7, 6, 'keep');
CALL go(10, 5, 'combine');
SELECT seed, n AS merges, ok, replace(err, 'later ', '') AS errors FROM res ORDER BY seed;
TABLE diffs;
SELECT count(*) FROM crm.merge_log WHERE unmerged_at IS NULL;

-- a row whose key is two references, each moved by another merge: in any order
CREATE TABLE member (a integer PRIMARY KEY);
CREATE TABLE acquaintance (a integer REFERENCES member, b integer REFERENCES member, since date, PRIMARY KEY (a, b));
INSERT INTO member SELECT generate_series(1, 4);
INSERT INTO acquaintance VALUES (4, 2, '2024-05-06'), (3, 1, NULL);
SELECT crm.merge('member', '3', '{2}') AS first_merge \gset
SELECT crm.merge('member', '1', '{4}') AS second_merge \gset
TABLE acquaintance ORDER BY a, b;
SELECT crm.unmerge(:first_merge) > 0 AS undone;
TABLE acquaintance ORDER BY a, b;
SELECT crm.unmerge(:second_merge) > 0 AS undone;
TABLE acquaintance ORDER BY a, b;
SELECT * FROM crm.unmerge_report(:first_merge) UNION ALL SELECT * FROM crm.unmerge_report(:second_merge);
-- rows of a table without key cannot become one
CREATE TABLE newsletter (member integer REFERENCES member, mail text);
CREATE UNIQUE INDEX ON newsletter (member, lower(mail));
INSERT INTO newsletter VALUES (1, 'A@b.example'), (2, 'a@B.example');
SELECT crm.merge('member', '1', '{2}');
TABLE newsletter ORDER BY member;
