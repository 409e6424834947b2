-- Check-ins: what those who hold a goal say of it, beside the numbers that they said it by.

CREATE TABLE @extschema@.goal_check_in (
    check_in bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    goal text NOT NULL REFERENCES @extschema@.goal ON DELETE CASCADE,
    at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    moment text NOT NULL CHECK (moment OPERATOR(pg_catalog.=) ANY (ARRAY['start', 'during', 'end'])),
    by text NOT NULL,
    note text NOT NULL,
    target numeric NOT NULL,
    actual numeric,
    attainment numeric,
    elapsed numeric NOT NULL,
    pace numeric,
    on_track boolean,
    state text
);
CREATE INDEX goal_check_in_goal ON @extschema@.goal_check_in (goal, at);
COMMENT ON TABLE @extschema@.goal_check_in IS
'What was said of a goal, by whom (the principal, or the database role), and how it stood then: never changed afterwards. moment: start '
'(up to its first day), during, end (from its last day on).';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.goal_check_in', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.goal_check_in_check_in_seq', '');
INSERT INTO @extschema@.free_text (relation, "column", room, purpose, readers) VALUES
    ('goal_check_in', 'note', 'kpi', 'what was said of a goal', '{"view crm_bi.goal_check_in"}');

CREATE FUNCTION @extschema@.check_in(goal text, note text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    held goal;
    asker CONSTANT text := coalesce(current_principal(), caller()::text);
    stood record;
BEGIN
    PERFORM visible(root_unit(), 'kpi', 'total'); -- without identity an error, whatever the goal
    SELECT g.* INTO held FROM goal g WHERE g.goal = require_goal(check_in.goal);
    IF NOT may_administer() AND held.accountable IS DISTINCT FROM current_principal()
       AND NOT EXISTS (SELECT FROM goal_owner o WHERE o.goal = held.goal AND o.principal = current_principal()) THEN
        RAISE EXCEPTION 'goal "%" is not yours', held.goal USING ERRCODE = 'insufficient_privilege',
            DETAIL = 'Who answers for a goal checks in, who owns it, and administrators.',
            HINT = format('An administrator may type: SELECT set_goal_owner(%L, %L);', held.goal, asker);
    ELSIF NOT may_see_total(held.unit) THEN
        RAISE EXCEPTION 'you may not see the numbers of goal "%"', held.goal USING ERRCODE = 'insufficient_privilege',
            HINT = 'A check-in keeps how the goal stands; the privilege total on kpi shows it.';
    ELSIF coalesce(btrim(note), '') = '' THEN
        RAISE EXCEPTION 'a check-in needs a note' USING ERRCODE = 'RM005',
            HINT = format('For example SELECT check_in(%L, ''two large deals moved to next month'');', held.goal);
    END IF;
    SELECT r.* INTO STRICT stood FROM goal_rows() r WHERE r.goal_key = held.goal;
    INSERT INTO goal_check_in (goal, moment, by, note, target, actual, attainment, elapsed, pace, on_track, state)
    VALUES (held.goal, CASE WHEN kpi_today() <= held.since THEN 'start' WHEN kpi_today() >= held.until THEN 'end' ELSE 'during' END, asker,
            btrim(note), stood.target, stood.actual, stood.attainment, stood.elapsed, stood.pace, stood.on_track, stood.state);
END
$$;
COMMENT ON FUNCTION @extschema@.check_in(text, text) IS
'Notes how a goal goes, with its numbers as they are now; crm_bi.goal_check_in shows both. For who is accountable for it, its owners and '
'administrators, who may see its totals. Errors: RM001 unknown goal, 42501, RM005 empty note. '
'Example: SELECT crm.check_in(''revenue 2026'', ''two large deals moved to next month'');';

CREATE FUNCTION @extschema@.check_in_rows()
    RETURNS TABLE (goal_key text, at timestamptz, moment text, by text, note text, target numeric, actual numeric, attainment numeric,
                   elapsed numeric, pace numeric, on_track boolean, state text)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100 COST 1000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM visible(root_unit(), 'kpi', 'total'); -- without identity an error, also where there are none
    RETURN QUERY
    SELECT c.goal, c.at, c.moment, c.by, c.note, c.target, c.actual, c.attainment, c.elapsed, c.pace, c.on_track, c.state
    FROM goal_check_in c JOIN goal g USING (goal)
    WHERE may_see_total(g.unit);
END
$$;
COMMENT ON FUNCTION @extschema@.check_in_rows() IS 'The rows of crm_bi.goal_check_in.';

CREATE VIEW crm_bi.goal_check_in WITH (security_invoker) AS
SELECT c.goal_key, c.at, c.moment, c.by, c.note, @extschema@.reported(c.target)::numeric(24,6) AS target,
       @extschema@.reported(c.actual)::numeric(24,6) AS actual, @extschema@.reported(c.attainment)::numeric(24,6) AS attainment,
       c.elapsed::numeric(24,6) AS elapsed, @extschema@.reported(c.pace)::numeric(24,6) AS pace, c.on_track, c.state
FROM @extschema@.check_in_rows() c;
COMMENT ON VIEW crm_bi.goal_check_in IS
'What was said of goals at their start, during and at their end, with the numbers as they were then. Goals of units whose totals the '
'caller may see.';
COMMENT ON COLUMN crm_bi.goal_check_in.moment IS 'start (up to the goal''s first day), during, or end (from its last day on).';
COMMENT ON COLUMN crm_bi.goal_check_in.by IS 'Who said it: the principal, or the database role.';
COMMENT ON COLUMN crm_bi.goal_check_in.note IS 'What was said.';
COMMENT ON COLUMN crm_bi.goal_check_in.at IS 'When it was said.';
GRANT SELECT ON crm_bi.goal_check_in TO PUBLIC;
