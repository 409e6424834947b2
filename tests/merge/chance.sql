-- Random rows and random edits that a seed repeats: setseed() and random(), asked for one after the other in PL/pgSQL alone.
CREATE SCHEMA chance;
CREATE SEQUENCE chance.memo;
CREATE TABLE chance.target (relation regclass PRIMARY KEY, position integer GENERATED ALWAYS AS IDENTITY); -- tables to fill, parents first

CREATE FUNCTION chance.number(low integer, high integer) RETURNS integer LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN low + floor(random() * (high - low + 1))::integer;
END
$$;

CREATE FUNCTION chance.pick(choices text[]) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN choices[chance.number(1, cardinality(choices))];
END
$$;

CREATE FUNCTION chance.memo() RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN format('memo %s%s', nextval('chance.memo'), chance.pick('{"",""," ''q''"," \"d\""," {}"," \\x"," NULL"," é","\t(,)"}'));
END
$$;

-- The text form of some value of a type, the ends of its range included; small domains, so that values meet.
CREATE FUNCTION chance.value(type regtype) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    facts pg_type;
    field record;
    value text := '';
BEGIN
    SELECT * INTO facts FROM pg_type t WHERE t.oid = type;
    IF facts.typtype = 'e' THEN
        RETURN chance.pick(enum_range_text) FROM (SELECT array_agg(e.enumlabel::text ORDER BY e.enumsortorder) AS enum_range_text
                                                  FROM pg_enum e WHERE e.enumtypid = type) labels;
    ELSIF facts.typtype = 'c' THEN
        FOR field IN SELECT a.atttypid::regtype AS type FROM pg_attribute a
                     WHERE a.attrelid = facts.typrelid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum LOOP
            value := value || ',' || CASE WHEN random() < 0.2 THEN ''
                ELSE '"' || replace(replace(chance.value(field.type), '\', '\\'), '"', '""') || '"' END;
        END LOOP;
        RETURN '(' || substr(value, 2) || ')';
    ELSIF facts.typelem <> 0 AND facts.typlen = -1 THEN
        FOR i IN 1 .. chance.number(0, 3) LOOP
            value := value || ',' || CASE WHEN random() < 0.2 THEN 'NULL'
                ELSE '"' || replace(replace(chance.value(facts.typelem), '\', '\\'), '"', '\"') || '"' END;
        END LOOP;
        RETURN '{' || substr(value, 2) || '}';
    ELSIF facts.typname = 'code' THEN
        RETURN chance.pick('{A,B,C,D,E,F,G,H,I,J,K,L,M,N,"O ''o''","P\"p"}');
    ELSIF facts.typname = 'citext' THEN
        RETURN chance.pick('{ann,bob,cas,dirk,eva,fay,gus,hal,ida,jo}') || '@' || chance.pick('{x,Y}') || '.org';
    ELSIF facts.typtype = 'd' THEN
        RETURN chance.value(facts.typbasetype);
    END IF;
    RETURN CASE facts.typname
        WHEN 'bool' THEN chance.pick('{t,f}')
        WHEN 'int2' THEN chance.number(0, 9)::text
        WHEN 'int4' THEN chance.pick(ARRAY[chance.number(0, 99)::text, chance.number(0, 9)::text])
        WHEN 'int8' THEN chance.number(1, 99)::text
        WHEN 'numeric' THEN chance.pick(ARRAY['0', '0.00', '1.10', '-1e-5', chance.number(0, 9999)::text])
        WHEN 'float8' THEN chance.pick('{NaN,Infinity,-Infinity,-0,0,0.1,1e308,5e-324,3.0000000000000004}')
        WHEN 'float4' THEN chance.pick('{NaN,Infinity,-0,1e38,1e-45,0.1}')
        WHEN 'text' THEN chance.pick(ARRAY['a', 'B', 'b ', ' ', '', 'ünï', 'x''y"z', E'tab\tline\n', '\N', '{"a"}', '%s', chance.number(0, 99)::text])
        WHEN 'bpchar' THEN chance.pick('{a,"b ",""}')
        WHEN 'bytea' THEN chance.pick('{"\\x","\\x00ff5c27","\\xdeadbeef"}')
        WHEN 'timestamptz' THEN chance.pick(ARRAY['infinity', '-infinity', '2024-02-29 12:00:00.000001+00', '0044-03-15 12:00:00 BC',
            '2019-07-01', (timestamptz '2021-01-01' + chance.number(0, 99) * interval '1 day')::text])
        WHEN 'date' THEN chance.pick('{infinity,2024-02-29,0001-01-01 BC}')
        WHEN 'jsonb' THEN chance.pick('{"null","{\"a\": 1.0, \"b\": [null, \"x''\"]}","[]","\"s\""}')
        WHEN 'json' THEN chance.pick('{"{ \"b\":1,  \"a\":1, \"a\":2}","[]"}')
        WHEN 'tstzrange' THEN chance.pick('{empty,"(,)","[2020-01-01,2021-01-01)","[,infinity]"}')
        WHEN 'int4range' THEN format('[%s,%s)', chance.number(0, 20), chance.number(20, 25))
        WHEN 'int4multirange' THEN chance.pick('{"{}","{[1,3),[7,9)}"}')
        WHEN 'uuid' THEN md5(chance.number(0, 30)::text)
        WHEN 'point' THEN chance.pick('{"(0,0)","(1e-300,-3)"}')
        WHEN 'interval' THEN chance.pick('{"1 mon","30 days","-1 year 2 days"}')
        WHEN 'varbit' THEN chance.pick('{"",101}') END;
END
$$;

-- What a new row of a table would hold, column to text; a column that refers, by a foreign key or without one, holds a key that is there, if any.
CREATE FUNCTION chance.new_row(relation regclass) RETURNS jsonb LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    each record;
    found jsonb;
    made jsonb := '{}';
BEGIN
    FOR each IN SELECT a.attname AS name, a.atttypid::regtype AS type, a.attnotnull AS filled, a.attidentity
                FROM pg_attribute a
                WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY a.attnum
    LOOP
        IF each.name = 'memo' THEN
            made := made || jsonb_build_object('memo', chance.memo());
        ELSIF each.filled OR random() < 0.8 THEN
            made := made || jsonb_build_object(each.name, chance.value(each.type));
        END IF;
    END LOOP;
    FOR each IN SELECT c.confrelid::regclass AS target, c.oid,
                       (SELECT string_agg(format('%L, t.%I::text', a.attname, f.attname), ', ' ORDER BY k.n) AS pairs
                        FROM unnest(c.conkey, c.confkey) WITH ORDINALITY AS k (here, there, n)
                        JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.here
                        JOIN pg_attribute f ON f.attrelid = c.confrelid AND f.attnum = k.there),
                       ARRAY(SELECT a.attname FROM unnest(c.conkey) k JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k) AS columns
                FROM pg_constraint c WHERE c.contype = 'f' AND c.conparentid = 0
                 AND (c.conrelid = relation OR c.conrelid IN (SELECT i.inhparent FROM pg_inherits i WHERE i.inhrelid = relation))
                ORDER BY c.conname
    LOOP
        EXECUTE format('SELECT jsonb_build_object(%s) FROM %s t ORDER BY t.memo COLLATE "C" OFFSET $1 LIMIT 1', each.pairs, each.target)
        INTO found USING chance.number(0, 9);
        IF found IS NULL OR random() < 0.1 THEN
            found := (SELECT jsonb_object_agg(c, NULL) FROM unnest(each.columns) c);
        END IF;
        made := made || found;
    END LOOP;
    FOR each IN SELECT s.columns[1] AS name, s.target, s.target_columns[1] AS key FROM crm.soft_reference s WHERE s.relation = new_row.relation LOOP
        EXECUTE format('SELECT jsonb_build_object(%L, t.%I::text) FROM %s t ORDER BY t.memo COLLATE "C" OFFSET $1 LIMIT 1', each.name, each.key, each.target)
        INTO found USING chance.number(0, 9);
        made := made || coalesce(found, '{}');
    END LOOP;
    RETURN made;
END
$$;

-- Inserts a row and returns its memo; NULL where a constraint stands in its way.
CREATE FUNCTION chance.insert_row(relation regclass) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    made CONSTANT jsonb := chance.new_row(relation);
BEGIN
    EXECUTE (SELECT format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE VALUES (%s)', relation,
                           string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum),
                           string_agg(format('%L::%s', made ->> a.attname, format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY a.attnum))
             FROM pg_attribute a
             WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND made ? a.attname);
    SET CONSTRAINTS ALL IMMEDIATE;
    SET CONSTRAINTS ALL DEFERRED;
    RETURN made ->> 'memo';
EXCEPTION WHEN integrity_constraint_violation THEN
    RETURN NULL;
END
$$;

CREATE FUNCTION chance.fill(seed integer, size integer) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    each regclass;
BEGIN
    PERFORM setseed(1.0 / (seed + 1));
    FOR each IN SELECT t.relation FROM chance.target t ORDER BY t.position LOOP
        FOR i IN 1 .. size LOOP
            PERFORM chance.insert_row(each);
        END LOOP;
    END LOOP;
END
$$;

-- Some edits by a team that knows nothing of a merge: rows added, changed and deleted; returns what was done.
CREATE FUNCTION chance.edit(times integer) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    relation regclass;
    kind text;
    memo text;
    done text[];
BEGIN
    FOR i IN 1 .. times LOOP
        SELECT t.relation INTO relation FROM chance.target t ORDER BY t.position
        OFFSET chance.number(0, (SELECT count(*)::integer - 1 FROM chance.target)) LIMIT 1;
        kind := chance.pick('{insert,insert,update,update,update,delete}');
        EXECUTE format('SELECT t.memo FROM %s t ORDER BY t.memo COLLATE "C" OFFSET $1 LIMIT 1', relation) INTO memo USING chance.number(0, 9);
        BEGIN
            IF kind = 'insert' THEN
                PERFORM chance.insert_row(relation);
            ELSIF kind = 'update' THEN
                EXECUTE format('UPDATE %s SET memo = $1 WHERE memo = $2', relation) USING chance.memo(), memo;
            ELSE
                EXECUTE format('DELETE FROM %s WHERE memo = $1', relation) USING memo;
            END IF;
            SET CONSTRAINTS ALL IMMEDIATE;
            SET CONSTRAINTS ALL DEFERRED;
            done := done || format('%s %s %s', kind, relation, memo);
        EXCEPTION WHEN integrity_constraint_violation THEN
            done := done || format('no %s %s %s', kind, relation, memo);
        END;
    END LOOP;
    RETURN array_to_string(done, '; ');
END
$$;

-- What writers do while others merge: one edit, written down in the same transaction.
CREATE TABLE chance.journal (relation text, gone text, came text);

CREATE FUNCTION chance.work() RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    relation regclass := (SELECT t.relation FROM chance.target t ORDER BY t.position
                          OFFSET chance.number(0, (SELECT count(*)::integer - 1 FROM chance.target)) LIMIT 1);
    source text := CASE (SELECT relkind FROM pg_class WHERE oid = relation) WHEN 'r' THEN 'ONLY ' ELSE '' END || relation;
    kind text := chance.pick('{insert,insert,update,update,update,delete}');
    old_memo text;
    new_memo text;
BEGIN
    IF kind = 'insert' THEN
        new_memo := chance.insert_row(relation);
    ELSE
        EXECUTE format('SELECT t.memo FROM %s t ORDER BY t.memo COLLATE "C" OFFSET $1 LIMIT 1', source) INTO old_memo USING chance.number(0, 19);
        IF kind = 'update' THEN
            new_memo := chance.memo();
            EXECUTE format('UPDATE %s SET memo = $1 WHERE memo = $2 RETURNING memo', source) INTO new_memo USING new_memo, old_memo;
            old_memo := CASE WHEN new_memo IS NOT NULL THEN old_memo END;
        ELSIF NOT EXISTS (SELECT FROM pg_constraint c WHERE c.contype = 'f' AND c.confrelid = relation) THEN
            EXECUTE format('DELETE FROM %s WHERE memo = $1 RETURNING memo', source) INTO old_memo USING old_memo;
        ELSE
            old_memo := NULL;
        END IF;
    END IF;
    IF old_memo IS NOT NULL OR new_memo IS NOT NULL THEN
        INSERT INTO chance.journal VALUES (relation::text, relation::text || ' ' || old_memo, relation::text || ' ' || new_memo);
    END IF;
END
$$;

-- A call of merge, as text: two or three rows of a table with a key, mostly of the customers.
CREATE FUNCTION chance.merge_call() RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    relation regclass := chance.pick(ARRAY['hostile."Kunde"', 'hostile."Kunde"', 'hostile."Kunde"', 'hostile.site', '"Other.Schéma ""2"""."select"',
        'hostile.account', 'hostile.contract', 'hostile.profile', 'hostile.introduction', 'hostile.orders'])::regclass;
    keys text[];
    key text;
    columns smallint[] := (SELECT i.indkey FROM pg_index i WHERE i.indrelid = relation AND i.indisprimary);
BEGIN
    key := (SELECT CASE count(*) WHEN 1 THEN min(format('%I::text', a.attname))
                   ELSE format('crm.record_key(%s)', string_agg(format('%I::text', a.attname), ', ' ORDER BY k.n)) END
            FROM unnest(columns) WITH ORDINALITY AS k (attnum, n)
            JOIN pg_attribute a ON a.attrelid = relation AND a.attnum = k.attnum);
    EXECUTE format('SELECT array_agg(k ORDER BY r) FROM (SELECT k, random() AS r FROM (SELECT %s AS k FROM %s ORDER BY 1) o) s', key, relation) INTO keys;
    IF keys IS NULL OR cardinality(keys) < 2 THEN
        RETURN chance.merge_call();
    END IF;
    RETURN format('SELECT crm.merge(%L, %L, %L%s)', relation, keys[1], keys[2 : chance.number(2, 3)],
                  chance.pick(ARRAY['', '', ', on_collision => ''keep''', ', on_collision => ''combine''', ', on_collision => ''combine''',
                                    ', on_collision => ''refuse''', ', collisions => ''{"hostile.tag": "combine"}''']));
END
$$;

CREATE FUNCTION chance.empty() RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    EXECUTE (SELECT 'TRUNCATE ' || string_agg(t.relation::text, ', ') FROM chance.target t);
    SET LOCAL session_replication_role = replica; -- its foreign key lets no orphan in any more
    INSERT INTO hostile.old_note VALUES (-1, 'an orphan', -99);
    SET LOCAL session_replication_role = origin;
END
$$;
