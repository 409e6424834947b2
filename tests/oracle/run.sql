-- Asks the server and the model, statement after statement, asker after asker, and stops at the first difference.

CREATE TABLE oracle.done (command text, scan text, mode text, state text, mixed boolean, listed boolean, by_token boolean);

-- How the server is to find the rows: which scans it may use, and whether a prepared plan is generic or custom.
CREATE FUNCTION oracle.set_plan(scan text, mode text) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    parallel_setting text := CASE WHEN current_setting('server_version_num')::integer >= 160000
                             THEN 'debug_parallel_query' ELSE 'force_parallel_mode' END;
BEGIN
    PERFORM set_config('enable_seqscan', CASE WHEN scan IN ('index', 'bitmap') THEN 'off' ELSE 'on' END, true),
            set_config('enable_indexscan', CASE WHEN scan IN ('seq', 'bitmap', 'parallel') THEN 'off' ELSE 'on' END, true),
            set_config('enable_indexonlyscan', CASE WHEN scan IN ('seq', 'bitmap', 'parallel') THEN 'off' ELSE 'on' END, true),
            set_config('enable_bitmapscan', CASE WHEN scan IN ('seq', 'index', 'parallel') THEN 'off' ELSE 'on' END, true),
            set_config(parallel_setting, CASE WHEN scan = 'parallel' THEN 'on' ELSE 'off' END, true),
            set_config('max_parallel_workers_per_gather', CASE WHEN scan = 'parallel' THEN '2' ELSE '0' END, true),
            set_config('min_parallel_table_scan_size', CASE WHEN scan = 'parallel' THEN '0' ELSE '8MB' END, true),
            set_config('parallel_setup_cost', CASE WHEN scan = 'parallel' THEN '0' ELSE '1000' END, true),
            set_config('parallel_tuple_cost', CASE WHEN scan = 'parallel' THEN '0' ELSE '0.1' END, true),
            set_config('plan_cache_mode', CASE mode WHEN 'generic' THEN 'force_generic_plan' WHEN 'custom' THEN 'force_custom_plan'
                                                    ELSE 'auto' END, true);
END
$$;

-- Runs a statement as a database role, or as the bearer of a token, in a savepoint, looks at what became of the table, and
-- takes it back.
CREATE FUNCTION oracle.observe(role text, bearer text, s oracle.statement, sql text, scan text, mode text) RETURNS oracle.outcome LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    o oracle.outcome;
    -- No variable of a type of this schema is touched as somebody who may not use the schema.
    is_select CONSTANT boolean := s.command = 'select';
    returns_rows CONSTANT boolean := s.returns_rows;
    returned record;
    images jsonb[] := '{}';
    rows jsonb := '[]';
    context text;
BEGIN
    BEGIN
        PERFORM oracle.set_plan(scan, mode);
        IF bearer IS NOT NULL THEN
            PERFORM set_config('crm.token', (SELECT t.token FROM oracle.token t WHERE t.principal = bearer), true);
        END IF;
        PERFORM set_config('role', role, true);
        IF is_select THEN
            EXECUTE sql INTO rows;
        ELSIF returns_rows THEN
            FOR returned IN EXECUTE sql LOOP
                images := images || to_jsonb(returned);
            END LOOP;
            rows := to_jsonb(images);
        ELSE
            EXECUTE sql;
        END IF;
        PERFORM set_config('role', 'none', true);
        PERFORM oracle.set_plan('free', mode);
        o.rows := rows;
        IF s.command NOT IN ('select', 'lock') THEN
            o.after := oracle.rows_of(s.root, NULL, NULL);
        END IF;
        RAISE EXCEPTION SQLSTATE 'OR000';
    EXCEPTION
        WHEN SQLSTATE 'OR000' THEN o.states := '{00000}';
        WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
            o.states := ARRAY[SQLSTATE, SQLERRM, context];
    END;
    RETURN o;
END
$$;

-- Whether the plan finds the rows by listing the caller's units, own or shared rows to an index.
CREATE FUNCTION oracle.lists(role text, s oracle.statement, sql text, scan text, mode text) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    line text;
    found boolean := false;
BEGIN
    BEGIN
        PERFORM oracle.set_plan(scan, mode);
        PERFORM set_config('role', role, true);
        FOR line IN EXECUTE 'EXPLAIN ' || sql LOOP
            found := found OR line ~ 'Index Cond: .*(visible|owned|shared)_(texts|integers|bigints|uuids)';
        END LOOP;
        RAISE EXCEPTION SQLSTATE 'OR000';
    EXCEPTION
        WHEN SQLSTATE 'OR000' OR SQLSTATE 'RM101' THEN NULL;
    END;
    RETURN found;
END
$$;

-- EXCEPT ALL both ways; NULL where there is no difference.
CREATE FUNCTION oracle.difference(foretold jsonb, seen jsonb) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT string_agg(format('    %s %s', d.what, d.image), E'\n')
    FROM ((SELECT 'missing', i FROM (SELECT jsonb_array_elements(foretold) EXCEPT ALL SELECT jsonb_array_elements(seen)) m (i) LIMIT 3)
          UNION ALL
          (SELECT 'too many', i FROM (SELECT jsonb_array_elements(seen) EXCEPT ALL SELECT jsonb_array_elements(foretold)) m (i) LIMIT 3)
         ) d (what, image)
$$;

CREATE FUNCTION oracle.compare(foretold oracle.outcome, seen oracle.outcome) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    problem text;
BEGIN
    IF NOT seen.states[1] = ANY (foretold.states) THEN
        RETURN format('    foretold SQLSTATE %s, seen %s', array_to_string(foretold.states, ' or '), array_to_string(seen.states, ' '));
    ELSIF seen.states[1] <> '00000' THEN
        RETURN NULL;
    END IF;
    problem := oracle.difference(foretold.rows, seen.rows);
    IF problem IS NOT NULL THEN
        RETURN E'    rows returned:\n' || problem;
    END IF;
    problem := CASE WHEN seen.after IS NOT NULL THEN oracle.difference(foretold.after, seen.after) END;
    RETURN E'    the table afterwards:\n' || problem;
END
$$;

-- All that it takes to see a difference again.
CREATE FUNCTION oracle.tell(seed bigint, asker text, role text, s oracle.statement, how text, problem text) RETURNS text
    LANGUAGE sql STABLE AS $$
    SELECT format(E'seed %s, principal %s (%s), table %s, command %s, plan %s\n  %s\n  $1 = %s\n%s\n  %s: object %s, units %s, %s, owner %s, fallback %s\n  %s',
                  seed, coalesce(asker, 'nobody'), role, s.root, s.command, how, s.sql, s.parameter, problem,
                  o.relation, o.object, o.units, o.combine, o.owner_column, o.fallback, o.shape)
    FROM oracle.subject o WHERE o.relation = s.root
$$;

CREATE FUNCTION oracle.asker_of(role text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT p.principal FROM crm.principal p WHERE p.role_name = role
$$;

-- One statement for several askers in turn, with one prepared plan where it is prepared; now and then the organisation
-- changes between two of them.
CREATE FUNCTION oracle.check_statement(seed bigint, s oracle.statement) RETURNS integer LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    scan text := oracle.pick(CASE WHEN s.command = 'select' THEN ARRAY['seq', 'index', 'bitmap', 'bitmap', 'parallel', 'free']
                                  ELSE ARRAY['seq', 'index', 'bitmap', 'free'] END);
    mode text := oracle.pick(CASE WHEN s.parameter IS NULL THEN ARRAY['direct', 'generic'] ELSE ARRAY['direct', 'generic', 'custom', 'custom'] END);
    direct text := replace(s.sql, '$1', coalesce(s.parameter::text, ''));
    sql text := direct;
    before jsonb := oracle.rows_of(s.root, NULL, NULL);
    foretold oracle.outcome;
    seen oracle.outcome;
    problem text;
    role text;
    bearer text;
    asker text;
    listed boolean;
    cases integer := 0;
BEGIN
    IF mode <> 'direct' THEN
        EXECUTE format('PREPARE oracle_statement%s AS %s', CASE WHEN s.parameter IS NOT NULL THEN '(integer)' ELSE '' END, s.sql);
        sql := 'EXECUTE oracle_statement' || coalesce('(' || s.parameter || ')', '');
    END IF;
    FOREACH role IN ARRAY oracle.some_roles(CASE WHEN s.images IS NULL OR s.command = 'select' THEN 3 ELSE 5 END) LOOP
        bearer := CASE WHEN oracle.chance(0.25) THEN oracle.pick(ARRAY(SELECT t.principal FROM oracle.token t ORDER BY t.principal COLLATE "C")) END;
        asker := coalesce(bearer, oracle.asker_of(role));
        foretold := oracle.foretell(asker, s, before, statement_timestamp());
        CONTINUE WHEN foretold.states = '{42501}' AND s.command <> 'move' AND oracle.chance(0.6); -- an error tells less than a row
        seen := oracle.observe(role, bearer, s, sql, scan, mode);
        IF s.command = 'select' AND seed % 3 = 0 THEN
            listed := oracle.lists(role, s, sql, scan, mode);
        END IF;
        problem := oracle.compare(foretold, seen);
        IF problem IS NOT NULL THEN
            RAISE EXCEPTION '%', oracle.tell(seed, asker, role || CASE WHEN bearer IS NULL THEN '' ELSE ' with a token' END, s, scan || ' ' || mode, problem);
        END IF;
        INSERT INTO oracle.done VALUES (s.command, scan, mode, seen.states[1], foretold.mixed, listed, bearer IS NOT NULL);
        cases := cases + 1;
        IF oracle.chance(0.1) THEN
            PERFORM oracle.disturb();
        END IF;
    END LOOP;
    IF mode <> 'direct' THEN
        DEALLOCATE oracle_statement;
    END IF;
    RETURN cases;
END
$$;

-- Some of the seven who are somebody, and now and then the one who is nobody.
CREATE FUNCTION oracle.some_roles(how_many integer) RETURNS text[] LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    roles text[] := oracle.some(ARRAY(SELECT 'regress_oracle_' || i FROM generate_series(0, 6) i), how_many);
BEGIN
    RETURN CASE WHEN oracle.chance(0.05) THEN roles || 'regress_oracle_7'::text ELSE roles END;
END
$$;

-- The predicate itself, for every privilege and every value that a column may hold.
CREATE FUNCTION oracle.check_visible(seed bigint) RETURNS integer
    LANGUAGE plpgsql VOLATILE SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    role text;
    subject oracle.subject;
    tree text;
    subject_column text;
    wanted text;
    words text[];
    sql text;
    foretold text[];
    seen text[];
    cases integer := 0;
BEGIN
    FOREACH role IN ARRAY oracle.some(ARRAY(SELECT 'regress_oracle_' || i FROM generate_series(0, 6) i), 1) LOOP
        FOR subject IN SELECT s.* FROM oracle.subject s ORDER BY s.relation LOOP
            FOR tree, subject_column IN SELECT u.key, u.value FROM jsonb_each_text(subject.units) u LOOP
                words := ARRAY(SELECT DISTINCT p.value FROM oracle.pool p
                               WHERE p.relation = subject.relation AND p.column_name = subject_column);
                FOREACH wanted IN ARRAY oracle.some(ARRAY['read', 'create', 'update', 'delete', 'assign', 'share', 'export', 'merge', 'total',
                                                             'story'], 3) LOOP
                    foretold := ARRAY(SELECT coalesce(w, 'NULL') FROM unnest(words) w
                                      LEFT JOIN oracle.unit_meaning m ON m.hierarchy = tree AND m.value = w
                                      WHERE coalesce(m.unit, subject.fallback) IN (SELECT r.unit FROM oracle.reached(oracle.asker_of(role),
                                            subject.object, statement_timestamp()) r WHERE r.privilege = wanted) ORDER BY 1);
                    sql := format('SELECT ARRAY(SELECT coalesce(v, ''NULL'') FROM unnest($5) v WHERE crm.visible(v::%s, $1, $2, $3, $4) ORDER BY 1)',
                                  CASE oracle.column_type(subject.relation, subject_column) WHEN 'integer' THEN 'integer' WHEN 'smallint' THEN 'integer'
                                      WHEN 'bigint' THEN 'bigint' WHEN 'uuid' THEN 'uuid' ELSE 'text' END);
                    PERFORM set_config('role', role, true);
                    EXECUTE sql INTO seen USING subject.object, wanted, tree, subject.fallback, words;
                    PERFORM set_config('role', 'none', true);
                    IF foretold IS DISTINCT FROM seen THEN
                        RAISE EXCEPTION 'seed %, principal %, visible(%, %, %, %): foretold %, seen %', seed, oracle.asker_of(role),
                            oracle.column_type(subject.relation, subject_column), subject.object, wanted, tree, foretold, seen;
                    END IF;
                    INSERT INTO oracle.done VALUES ('visible', '', 'direct', '00000', cardinality(seen) NOT IN (0, cardinality(words)), NULL);
                    cases := cases + 1;
                END LOOP;
            END LOOP;
        END LOOP;
    END LOOP;
    RETURN cases;
END
$$;

-- A new organisation with new tables, its own transaction.
CREATE FUNCTION oracle.build(seed bigint) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    objects text[] := ARRAY['opportunity', 'ticket', 'team.t3'];
BEGIN
    DEALLOCATE ALL;
    PERFORM setseed((hashint8(seed) % 1000000) / 1000000.0);
    PERFORM oracle.clear();
    CREATE SCHEMA team;
    GRANT USAGE ON SCHEMA team TO PUBLIC;
    PERFORM oracle.make_units(seed % 3 = 0);
    PERFORM oracle.make_unit_aliases();
    PERFORM oracle.make_principals();
    PERFORM oracle.make_tokens();
    PERFORM oracle.make_roles(objects);
    PERFORM oracle.make_members(CASE WHEN seed % 3 = 0 THEN 3 ELSE 4 END);
    ANALYZE crm.hierarchy, crm.unit, crm.unit_alias, crm.principal, crm.principal_alias, crm.membership, crm.role_privilege;
    FOR i IN 1 .. 3 LOOP
        PERFORM oracle.make_table(i, objects[i], CASE WHEN i < 3 OR seed % 3 <> 0 THEN oracle.number(16, 40) WHEN seed % 9 <> 0 THEN 300 ELSE 1000 END);
    END LOOP;
    FOR i IN 1 .. oracle.number(2, 9) LOOP
        PERFORM oracle.make_denial();
    END LOOP;
    FOR i IN 1 .. oracle.number(10, 30) LOOP
        PERFORM oracle.make_share();
    END LOOP;
END
$$;

-- So many statements in one transaction, after a change of the organisation at this very instant.
CREATE FUNCTION oracle.batch(seed bigint, number integer, statements integer) RETURNS integer LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    cases integer := 0;
BEGIN
    DEALLOCATE ALL;
    PERFORM setseed((hashint8(seed * 100 + number) % 1000000) / 1000000.0);
    FOR i IN 1 .. oracle.number(0, 3) LOOP
        PERFORM oracle.disturb();
    END LOOP;
    PERFORM oracle.set_instants();
    cases := oracle.check_visible(seed);
    FOR i IN 1 .. statements LOOP
        cases := cases + oracle.check_statement(seed, oracle.make_statement());
    END LOOP;
    RETURN cases;
END
$$;
