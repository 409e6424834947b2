-- Kept journeys: packed ones and what changed since give the same as the history alone, whatever happens, for everybody.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
SET client_min_messages = warning;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SELECT crm.create_funnel('buy', 'customer', '[{"key": "visit", "milestone": "visitor"}, {"key": "lead", "milestone": "lead"},
    {"key": "mql", "milestone": "mql"}, {"key": "talk", "milestone": "opportunity"}, {"key": "won", "milestone": "won"}, {"key": "lost", "milestone": "lost"}]');
SELECT crm.create_funnel('desk', 'ticket', '["new", "taken", "closed"]');
CREATE TABLE account (id integer PRIMARY KEY, name text, email text);
CREATE TABLE lead (id integer PRIMARY KEY, name text, email text, stage text, region text, created timestamptz);
CREATE TABLE touch (id integer PRIMARY KEY, account_id integer REFERENCES account ON UPDATE CASCADE, visitor text, at timestamptz, region text);
CREATE TABLE deal (id integer PRIMARY KEY, account_id integer REFERENCES account ON UPDATE CASCADE, stage text, region text, opened timestamptz, closed timestamptz);
CREATE TABLE log (id integer PRIMARY KEY, ticket text, stage text, region text, at timestamptz);
INSERT INTO account SELECT i, 'Person ' || chr(64 + i), 'p' || i || '@kept.example' FROM generate_series(1, 8) i;
INSERT INTO lead SELECT i, 'Person ' || chr(64 + i), 'p' || i || '@kept.example', (ARRAY['lead', 'mql', 'lost'])[1 + i % 3], (ARRAY['north', 'south', NULL])[1 + i % 3],
    timestamptz '2026-01-01' + i * interval '1 day' FROM generate_series(1, 6) i;
INSERT INTO touch SELECT i, CASE WHEN i % 4 = 0 THEN 1 + i % 8 END, 'v' || i % 3, timestamptz '2026-01-01' + i * interval '12 hours', 'north' FROM generate_series(1, 12) i;
INSERT INTO deal SELECT i, i, (ARRAY['talk', 'won', 'lost'])[1 + i % 3], (ARRAY['north', 'south'])[1 + i % 2], timestamptz '2026-01-10' + i * interval '1 day', NULL
    FROM generate_series(1, 8) i;
INSERT INTO log SELECT i, 'T' || i % 4, (ARRAY['new', 'taken', 'closed'])[1 + i % 3], (ARRAY['north', 'south'])[1 + i % 2],
    timestamptz '2026-01-01' + i % 5 * interval '1 hour' FROM generate_series(1, 12) i;
SELECT count(*) > 0 AS adopted FROM crm.adopt('account', 'customer', columns => '{"full_name": "name", "email": "email", "kind": "''person''"}');
SELECT count(*) > 0 AS adopted FROM crm.adopt('lead', 'lead', funnel => 'buy',
    columns => '{"full_name": "name", "email": "email", "kind": "''person''", "stage": "stage", "unit": "region", "created_at": "created"}');
SELECT count(*) > 0 AS adopted FROM crm.adopt('touch', 'touch', funnel => 'buy',
    columns => '{"customer": "account_id", "anonymous_id": "visitor", "at": "at", "unit": "region", "stage": "''visit''"}');
SELECT count(*) > 0 AS adopted FROM crm.adopt('deal', 'opportunity', funnel => 'buy',
    columns => '{"customer": "account_id", "stage": "stage", "unit": "region", "created_at": "opened", "closed_at": "closed"}');
SELECT count(*) > 0 AS adopted FROM crm.adopt('log', 'stage_change', funnel => 'desk', columns => '{"record": "ticket", "stage": "stage", "at": "at", "unit": "region"}');

-- The reference: the history, in plain SQL, as far as the units are among those given (NULL: all).
CREATE FUNCTION history(funnel text, regions text[] DEFAULT NULL) RETURNS TABLE (subject text, events text) LANGUAGE sql STABLE AS $$
    SELECT t.subject, string_agg(s.position || '@' || t.at, ',' ORDER BY t.at, t.sequence, s.position)
    FROM crm.subject_transition t JOIN crm.funnel_stage s ON s.funnel = t.funnel AND s.stage = t.to_stage
    WHERE t.funnel = $1 AND t.at IS NOT NULL AND (regions IS NULL OR t.unit = ANY (regions)) GROUP BY 1
$$;
CREATE FUNCTION differing(funnel text) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT count(*) FROM (
        SELECT j.subject, (SELECT string_agg(e.position || '@' || e.at, ',' ORDER BY e.n)
                           FROM crm.journey_events(j.journey) WITH ORDINALITY e (at, position, n)) AS events
        FROM crm.total_journey($1) j) a
    FULL JOIN history($1) b USING (subject) WHERE a.events IS DISTINCT FROM b.events
$$;
CREATE VIEW kept AS
    SELECT (SELECT count(*) FROM crm.journey_kept) AS packed, (SELECT count(*) FROM crm.journey_touched) AS notes,
           differing('buy') AS buy_differs, differing('desk') AS desk_differs;

-- nothing is followed while tables are being filled
SELECT crm.pack_journeys();
CALL crm.backfill('account');
CALL crm.backfill('lead');
CALL crm.backfill('touch');
CALL crm.backfill('deal');
CALL crm.backfill('log');
SELECT crm.resolve_pending() > 0 AS linked;
SELECT item, state, amount, hint FROM crm.status WHERE item LIKE 'journeys%' ORDER BY 1;
SELECT crm.pack_journeys() AS followed;
SELECT funnel, ready FROM crm.journey_state ORDER BY 1;
SELECT * FROM kept;
SELECT crm.pack_journeys() AS packed;
SELECT crm.pack_journeys() AS packed;
SELECT crm.pack_journeys() AS packed;
SELECT * FROM kept;
SELECT item, state, amount, oldest, hint FROM crm.status WHERE item LIKE 'journeys%' ORDER BY 1;
SELECT DISTINCT u.units FROM crm.journey_kept k JOIN crm.journey_units u USING (units_no) ORDER BY 1;

-- Steps of a tracked funnel by name, with all that a funnel of journeys has.
SELECT * FROM crm.funnel_counts('buy', ARRAY['visit', 'Lead|mql', 'talk?', '!lost', 'won']);
SELECT * FROM crm.funnel_counts('buy', ARRAY['visit', 'talk'], '10 days', since => '2026-01-02', until => '2026-01-20');
SELECT * FROM crm.funnel_counts('buy', ARRAY['visit', 'talk'], anchor => 'last_entry', gap => '9 days');
SELECT * FROM crm.funnel_counts('buy', ARRAY['visit', 'talk'], mode => 'strict');
SELECT * FROM crm.funnel_counts('desk', ARRAY['closed', 'new'], mode => 'unordered');
SELECT * FROM crm.funnel_counts('buy', ARRAY['visit', 'tlak']);
SELECT * FROM crm.funnel_counts('buy', ARRAY['visit', '!won|wonn', 'talk']);
SELECT * FROM crm.funnel_counts('buy', ARRAY['!won', 'talk']);
SELECT * FROM crm.funnel_counts('buy', ARRAY['visit', NULL]);
SELECT * FROM crm.funnel_counts('buy', ARRAY['visit'], mode => 'loose');
SELECT crm.pack_journeys(0);
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT crm.pack_journeys();
ROLLBACK;

-- What happens is noted and counts at once; packing changes nothing. A stage, a new row, a row that goes.
UPDATE deal SET stage = 'won', closed = '2026-02-01' WHERE id = 2;
INSERT INTO touch VALUES (13, NULL, 'v9', '2026-02-01', 'south');
DELETE FROM lead WHERE id = 6;
INSERT INTO log VALUES (13, 'T9', 'new', 'south', '2026-02-01'), (14, 'T9', 'taken', 'south', '2026-02-01');
SELECT * FROM kept;
SELECT crm.pack_journeys() AS packed;
SELECT * FROM kept;
-- what concerns no journey is not noted
UPDATE deal SET closed = '2026-02-02' WHERE id = 2;
INSERT INTO log VALUES (15, 'T9', 'unheard of', 'south', '2026-02-01'), (16, 'T9', 'taken', 'south', NULL);
SELECT * FROM kept;
SELECT crm.add_stage_alias('desk', 'unheard of', 'closed');
SELECT * FROM kept;
-- a visitor is a customer, for all that he did before, and is not
SELECT crm.identify('v9', crm.customer_of('account', '1')) > 0 AS identified;
SELECT * FROM kept;
SELECT crm.pack_journeys() AS packed;
SELECT crm.unidentify('v9') > 0 AS taken_back;
SELECT * FROM kept;
SELECT crm.pack_journeys() AS packed;
-- people decide that two records are one customer, and that they are not
SELECT crm.decide(('account', '1'), ('account', '2'), 'same');
SELECT crm.resolve_pending() > 0 AS linked;
SELECT * FROM kept;
SELECT crm.pack_journeys() AS packed;
SELECT crm.decide(('account', '1'), ('account', '2'), 'different');
SELECT crm.resolve_pending() > 0 AS linked;
SELECT * FROM kept;
SELECT crm.pack_journeys() AS packed;
-- a merge, and taking it back
SELECT crm.merge('account', '3', '{4}') AS merged \gset
SELECT crm.resolve_pending() > 0 AS linked;
SELECT packed, notes > 0 AS noted, buy_differs, desk_differs FROM kept;
SELECT crm.pack_journeys() > 0 AS packed;
SELECT crm.unmerge(:merged) > 0 AS taken_back;
SELECT crm.resolve_pending() > 0 AS linked;
SELECT packed, notes > 0 AS noted, buy_differs, desk_differs FROM kept;
SELECT crm.pack_journeys() > 0 AS packed;
SELECT packed, notes, buy_differs, desk_differs FROM kept;
-- a stage that is retired into another: the funnel is packed anew
SELECT crm.retire_stage('buy', 'mql', successor => 'lead') > 0 AS retired;
SELECT funnel, ready FROM crm.journey_state ORDER BY 1;
SELECT * FROM kept;
SELECT crm.pack_journeys() AS followed, crm.pack_journeys() > 1 AS packed;
SELECT * FROM kept;
SELECT stage, reached FROM crm.funnel_counts('buy', ARRAY['visit', 'mql']);
-- an erasure leaves nobody's name in what is kept
INSERT INTO touch VALUES (14, 5, 'cookie-of-5', '2026-02-03', 'south'), (15, NULL, 'cookie-of-5', '2026-02-04', 'south');
SELECT crm.identify('cookie-of-5', crm.customer_of('account', '5')) > 0 AS identified;
SELECT crm.pack_journeys() > 0 AS packed;
SELECT (crm.erase_customer(crm.customer_of('account', '5'), '{"account": "delete", "touch": "delete", "deal": "delete", "lead": "delete"}', 'asked')) -> 'remains' AS remains;
SELECT packed, notes > 0 AS noted, buy_differs, desk_differs FROM kept;
SELECT crm.pack_journeys() > 0 AS packed;
SELECT * FROM kept;
-- a table that stops to feed a funnel, and begins again
SELECT crm.disown('touch');
SELECT * FROM kept;
SELECT crm.pack_journeys() AS followed, crm.pack_journeys() > 1 AS packed;
SELECT * FROM kept;
SELECT count(*) > 0 AS adopted FROM crm.adopt('touch', 'touch', funnel => 'buy',
    columns => '{"customer": "account_id", "anonymous_id": "visitor", "at": "at", "unit": "region", "stage": "''visit''"}');
SELECT crm.pack_journeys() AS filling;
CALL crm.backfill('touch');
SELECT * FROM kept;
SELECT crm.pack_journeys() AS followed, crm.pack_journeys() > 1 AS packed;
SELECT * FROM kept;

-- Numbers obey total: journeys of one's units whole, of others not, mixed ones as far as one's units go.
CREATE ROLE regress_journey_kept_north;
CREATE ROLE regress_journey_kept_board;
CREATE ROLE regress_journey_kept_nobody;
SELECT crm.create_unit('firm', 'The firm', 'business') AS firm, crm.create_unit('north', 'North', 'geographic', 'firm') AS north,
       crm.create_unit('south', 'South', 'geographic', 'firm') AS south;
SELECT crm.create_principal('board', role_name => 'regress_journey_kept_board') AS board, crm.create_principal('nora', role_name => 'regress_journey_kept_north') AS nora;
SELECT crm.create_role('board'), crm.create_role('regional');
SELECT crm.grant_privilege('board', 'kpi', 'total', 'organisation'), crm.grant_privilege('regional', 'kpi', 'total', 'unit');
SELECT crm.add_member('board', 'firm', 'board') IS NOT NULL AS a, crm.add_member('nora', 'north', 'regional') IS NOT NULL AS b;
SELECT u.units, count(*) FROM crm.journey_kept k JOIN crm.journey_units u USING (units_no) WHERE k.funnel = 'buy' GROUP BY 1 ORDER BY 1;
SET ROLE regress_journey_kept_board;
SELECT stage, reached FROM crm.funnel_counts('buy', ARRAY['visit', 'talk']);
SET ROLE regress_journey_kept_north;
SELECT stage, reached FROM crm.funnel_counts('buy', ARRAY['visit', 'talk']);
SELECT * FROM crm.total_journey('buy');
SELECT * FROM crm.journey_kept;
SELECT crm.pack_journeys();
SET ROLE regress_journey_kept_nobody;
SELECT stage, reached FROM crm.funnel_counts('buy', ARRAY['visit', 'talk']);
RESET ROLE;
-- the same from the history of the rows of the north
SELECT crm.funnel_counts(h.events::crm.journey, ARRAY[100, 400]) AS north FROM history('buy', '{north}') h;

-- Whatever happens, in whatever order: after each of 120 steps all journeys, and the counts of everybody, equal the history.
CREATE PROCEDURE random_history(steps integer, seed text) LANGUAGE plpgsql AS $$
DECLARE
    dice integer[];
    merges bigint[] := '{}';
    asked record;
    wanted bigint[];
    got bigint[];
    wrong integer := 0;
    packs bigint := 0;
    notes bigint := 0;
BEGIN
    FOR step IN 1 .. steps LOOP
        SELECT array_agg(('x' || substr(md5(seed || ' ' || step || ' ' || i), 1, 7))::bit(28)::integer ORDER BY i) INTO dice FROM generate_series(1, 6) i;
        BEGIN
            CASE dice[1] % 16
                WHEN 0, 1 THEN
                    INSERT INTO touch VALUES (1000 + step, CASE WHEN dice[2] % 2 = 0 THEN (SELECT id FROM account ORDER BY md5(id || seed || step) LIMIT 1) END,
                        'v' || dice[3] % 5, timestamptz '2026-01-01' + dice[4] % 40 * interval '1 day', (ARRAY['north', 'south', NULL])[1 + dice[5] % 3]);
                WHEN 2 THEN
                    INSERT INTO lead SELECT 1000 + step, a.name, a.email, (ARRAY['lead', 'mql', 'lost', NULL])[1 + dice[3] % 4], (ARRAY['north', 'south', NULL])[1 + dice[5] % 3],
                        timestamptz '2026-01-01' + dice[4] % 40 * interval '1 day' FROM account a ORDER BY md5(id || seed || step) LIMIT 1;
                WHEN 3 THEN
                    UPDATE lead SET stage = (ARRAY['lead', 'mql', 'lost', 'odd', NULL])[1 + dice[3] % 5], region = (ARRAY['north', 'south', NULL])[1 + dice[4] % 3]
                    WHERE id % 7 = dice[2] % 7;
                WHEN 4, 5 THEN
                    UPDATE deal SET stage = (ARRAY['talk', 'won', 'lost'])[1 + dice[3] % 3], region = (ARRAY['north', 'south'])[1 + dice[4] % 2] WHERE id % 5 = dice[2] % 5;
                WHEN 6 THEN
                    UPDATE deal SET account_id = (SELECT id FROM account ORDER BY md5(id || seed || step) LIMIT 1) WHERE id % 5 = dice[2] % 5;
                WHEN 7 THEN
                    UPDATE touch SET visitor = 'v' || dice[3] % 5, account_id = NULL WHERE id % 6 = dice[2] % 6;
                WHEN 8 THEN
                    DELETE FROM touch WHERE id % 13 = dice[2] % 13;
                    DELETE FROM lead WHERE id % 17 = dice[3] % 17;
                    UPDATE deal SET id = id + 100 WHERE id = 1 + dice[4] % 8;
                WHEN 9 THEN
                    INSERT INTO log VALUES (1000 + step, 'T' || dice[2] % 6, (ARRAY['new', 'taken', 'closed', 'odd'])[1 + dice[3] % 4], (ARRAY['north', 'south', NULL])[1 + dice[5] % 3],
                        timestamptz '2026-01-01' + dice[4] % 5 * interval '1 hour');
                WHEN 10 THEN
                    UPDATE log SET at = timestamptz '2026-01-01' + dice[4] % 5 * interval '1 hour', ticket = 'T' || dice[3] % 6 WHERE id % 9 = dice[2] % 9;
                    DELETE FROM log WHERE id % 23 = dice[5] % 23;
                WHEN 11 THEN
                    PERFORM crm.identify('v' || dice[2] % 5, (SELECT customer_id FROM crm.customer ORDER BY md5(customer_id || seed || step) LIMIT 1),
                                         timestamptz '2026-01-01' + dice[4] % 40 * interval '1 day');
                WHEN 12 THEN
                    PERFORM crm.unidentify('v' || dice[2] % 5);
                WHEN 13 THEN
                    PERFORM crm.decide((x.relation, x.record_key)::crm.record_ref, (y.relation, y.record_key)::crm.record_ref, (ARRAY['same', 'different'])[1 + dice[4] % 2])
                    FROM (SELECT * FROM crm.record ORDER BY md5(record_no || seed || step) LIMIT 1) x,
                         (SELECT * FROM crm.record ORDER BY md5(record_no || seed || step) DESC LIMIT 1) y;
                WHEN 14 THEN
                    merges := merges || crm.merge('account', (SELECT id::text FROM account ORDER BY md5(id || seed || step) LIMIT 1),
                                                  ARRAY[(SELECT id::text FROM account ORDER BY md5(id || seed || step) DESC LIMIT 1)]);
                ELSE
                    IF cardinality(merges) > 0 THEN
                        PERFORM crm.unmerge(merges[cardinality(merges)]);
                        merges := merges[:cardinality(merges) - 1];
                    END IF;
            END CASE;
        EXCEPTION WHEN OTHERS THEN
            IF sqlstate NOT IN ('RM005', 'RM001', 'RM101', 'RM202', 'RM203') AND sqlstate !~ '^RM2' THEN
                RAISE;
            END IF;
        END;
        COMMIT;
        IF dice[6] % 3 = 0 THEN
            PERFORM crm.resolve_pending();
        ELSIF dice[6] % 3 = 1 THEN
            PERFORM crm.settle_transitions();
        END IF;
        COMMIT;
        IF dice[6] % 5 < 2 THEN
            packs := packs + crm.pack_journeys(1 + dice[5] % 20);
        END IF;
        COMMIT;
        notes := greatest(notes, (SELECT k.notes FROM kept k));
        SELECT * INTO asked FROM (VALUES (ARRAY['visit', 'lead|mql', CASE WHEN dice[3] % 2 = 0 THEN 'talk?' ELSE 'talk' END, 'won'],
                                          ARRAY['100', '200|200', CASE WHEN dice[3] % 2 = 0 THEN '400?' ELSE '400' END, '500']),
                                         (ARRAY['visit', '!lost', 'talk', 'won'], ARRAY['100', '!600', '400', '500']),
                                         (ARRAY['talk', 'won', 'lost'], ARRAY['400', '500', '600'])) q (names, positions) OFFSET dice[2] % 3 LIMIT 1;
        FOREACH wanted SLICE 1 IN ARRAY ARRAY[[0], [1]] LOOP
            PERFORM set_config('role', CASE wanted[1] WHEN 0 THEN 'regress_journey_kept_board' ELSE 'regress_journey_kept_north' END, true);
            SELECT array_agg(c.reached ORDER BY c.step) INTO got
            FROM crm.funnel_counts('buy', asked.names, '20 days', mode => (ARRAY['ordered', 'strict'])[1 + dice[3] % 2],
                                   anchor => (ARRAY['best', 'first_entry', 'last_entry'])[1 + dice[4] % 3], gap => (ARRAY[NULL, '9 days'])[1 + dice[5] % 2]::interval) c;
            PERFORM set_config('role', 'none', true);
            SELECT crm.funnel_counts(h.events::crm.journey, asked.positions, '20 days', (ARRAY['ordered', 'strict'])[1 + dice[3] % 2],
                                     (ARRAY['best', 'first_entry', 'last_entry'])[1 + dice[4] % 3], (ARRAY[NULL, '9 days'])[1 + dice[5] % 2]::interval)
            INTO wanted FROM history('buy', CASE wanted[1] WHEN 1 THEN ARRAY['north'] END) h;
            wanted := coalesce(wanted, array_fill(0::bigint, ARRAY[cardinality(got)]));
            IF wanted IS DISTINCT FROM got THEN
                wrong := wrong + 1;
                RAISE NOTICE 'step % (%): counted %, the history says %', step, dice, got, wanted;
            END IF;
        END LOOP;
        IF (SELECT k.buy_differs + k.desk_differs FROM kept k) > 0 THEN
            wrong := wrong + 1;
            RAISE NOTICE 'step % (%): journeys differ', step, dice;
        END IF;
    END LOOP;
    RAISE NOTICE 'steps: %, packed: %, most notes: %, wrong: %', steps, packs > 100, notes > 20, wrong;
END
$$;
SET client_min_messages = notice;
CALL random_history(120, 'kept');
SET client_min_messages = warning;
SELECT crm.pack_journeys() > 0 AS packed;
SELECT notes, buy_differs, desk_differs FROM kept;
-- what is packed is what packing anew would give
CREATE TABLE was AS SELECT k.funnel, k.subject, k.journey, u.units FROM crm.journey_kept k JOIN crm.journey_units u USING (units_no);
DELETE FROM crm.journey_state;
SELECT crm.pack_journeys() AS followed, crm.pack_journeys() > 1 AS packed, crm.pack_journeys() > 1 AS packed;
SELECT count(*) FROM (SELECT * FROM was EXCEPT SELECT k.funnel, k.subject, k.journey, u.units FROM crm.journey_kept k JOIN crm.journey_units u USING (units_no)) d;
SELECT count(*) = (SELECT count(*) FROM was) AS as_many FROM crm.journey_kept;

-- after a TRUNCATE of the history nothing that was packed counts
TRUNCATE crm.transition_log CASCADE;
SELECT * FROM kept;
SELECT stage, reached FROM crm.funnel_counts('buy', ARRAY['visit', 'won']);

-- Many journeys are read in parallel, and by each who may count some of them: as text that the functions above execute.
INSERT INTO crm.journey_state VALUES ('buy', true), ('desk', true);
TRUNCATE crm.journey_kept;
INSERT INTO crm.journey_units (units, digest) VALUES ('{north}', md5('{north}')::uuid) ON CONFLICT DO NOTHING;
INSERT INTO crm.journey_kept SELECT 'buy', 'customer ' || i, (SELECT units_no FROM crm.journey_units WHERE units = '{north}'), '100@2026-01-01,400@2026-01-02'
FROM generate_series(1, 100000) i;
ANALYZE crm.journey_kept;
CREATE FUNCTION plan_of_counts() RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format('EXPLAIN (COSTS OFF) SELECT crm.funnel_counts(j.journey, %L::text[], NULL, %L, %L, NULL) FROM (%s) j',
        '{100,400}', 'ordered', 'best', replace(replace(crm.journey_source(true), 'journey_kept', 'crm.journey_kept'), '$1', quote_literal('buy')))
        USING NULL::text, NULL::integer[];
END
$$;
SELECT p FROM plan_of_counts() p WHERE p ~ 'Gather|Parallel|Partial';
SET ROLE regress_journey_kept_north;
SELECT stage, reached FROM crm.funnel_counts('buy', ARRAY['visit', 'talk']);
SET max_parallel_workers_per_gather = 0;
SELECT stage, reached FROM crm.funnel_counts('buy', ARRAY['visit', 'talk']);
RESET ROLE;
DROP OWNED BY regress_journey_kept_north, regress_journey_kept_board, regress_journey_kept_nobody;
DROP ROLE regress_journey_kept_north, regress_journey_kept_board, regress_journey_kept_nobody;
