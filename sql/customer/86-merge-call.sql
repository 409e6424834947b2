-- What a user calls: merge and merge_preview. The functions in C note whose rights count and call the ones ending in _run.

CREATE FUNCTION @extschema@.is_merging() RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_is_merging' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION @extschema@.is_merging() IS
'Whether a merge or an unmerge runs in this session: what it writes was decided already, and is not a person''s next step.';
SELECT @extschema@.set_audience('is_merging()', 'internal');

CREATE FUNCTION @extschema@.merge_run(relation pg_catalog.regclass, keep text, lose text[], reason text, dry_run boolean, choose jsonb,
                                      on_collision text, collisions jsonb, values_by text, redirect boolean) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    number bigint;
    planned record;
    broken text;
    place text;
    detail text;
BEGIN
    IF redirect IS DISTINCT FROM false THEN
        PERFORM require_redirects(relation);
    END IF;
    IF dry_run IS DISTINCT FROM false THEN -- NULL, too, changes nothing
        FOR planned IN SELECT p.in_relation AS relation, p.action, count(*) AS rows
                       FROM merge_preview_run(merge_run.relation, keep, lose, choose, on_collision, collisions, values_by) p GROUP BY 1, 2 ORDER BY 1, 2 LOOP
            RAISE NOTICE '%: % rows to %', planned.relation, planned.rows, planned.action;
        END LOOP;
        RETURN NULL;
    END IF;
    number := plan_merge(relation, keep, lose, reason, choose, on_collision, collisions, values_by);
    PERFORM hold_removed(number);
    BEGIN
        PERFORM run_changes(ARRAY(SELECT d FROM planned_deletes(number) d), ARRAY(SELECT u FROM changing_rows(number, false) u));
        PERFORM check_constraints(number);
    EXCEPTION WHEN unique_violation OR exclusion_violation THEN
        GET STACKED DIAGNOSTICS broken = CONSTRAINT_NAME, place = TABLE_NAME, detail = PG_EXCEPTION_DETAIL;
        IF coalesce(broken, '') = '' THEN -- a trigger of the team's said so
            RAISE;
        END IF;
        RAISE EXCEPTION 'rows of % would collide', place
            USING ERRCODE = 'RM205', DETAIL = format('"%s" does not allow it: %s', broken, detail),
                  HINT = CASE WHEN EXISTS (SELECT FROM merge_change c JOIN pg_class k ON k.oid = c.relation
                                           WHERE c.merge_id = number AND k.relname = place AND row_key_columns(c.relation) IS NULL)
                              THEN format('Rows of a table without key cannot become one: give %I a primary key, or delete one of the two rows first.', place)
                              ELSE 'Somebody, or a trigger, wrote such a row meanwhile: merge again.' END;
    END;
    PERFORM observe_merge(number);
    UPDATE row_merge m SET changed = (SELECT count(*) FROM merge_change c WHERE c.merge_id = number AND c.action <> 'stay') WHERE m.merge_id = number;
    PERFORM follow_merge(number, 'merged');
    RETURN number;
END
$$;
COMMENT ON FUNCTION @extschema@.merge_run(pg_catalog.regclass, text, text[], text, boolean, jsonb, text, jsonb, text, boolean) IS 'What merge does.';
SELECT @extschema@.set_audience('merge_run(regclass, text, text[], text, boolean, jsonb, text, jsonb, text, boolean)', 'internal');

CREATE FUNCTION @extschema@.merge_preview_run(relation pg_catalog.regclass, keep text, lose text[], choose jsonb, on_collision text,
                                              collisions jsonb, values_by text)
    RETURNS TABLE (in_relation pg_catalog.regclass, row_key text, action text, kept_key text, before jsonb, after jsonb)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
DECLARE
    number bigint;
    plan merge_change[];
BEGIN
    BEGIN
        number := plan_merge($1, $2, $3, NULL, $4, $5, $6, $7);
        plan := ARRAY(SELECT c FROM merge_change c WHERE c.merge_id = number AND c.action <> 'stay' AND (c.action = 'delete' OR c.after <> '{}')
                      ORDER BY c.relation, c.action, c.row_key);
        RAISE EXCEPTION USING ERRCODE = 'MP001', MESSAGE = 'only a preview';
    EXCEPTION WHEN SQLSTATE 'MP001' THEN -- nothing of it stays, nor do its locks
        RETURN QUERY SELECT p.relation, p.row_key, p.action, p.keep_key, p.before, CASE p.action WHEN 'update' THEN p.after END FROM unnest(plan) p;
    END;
END
$$;
COMMENT ON FUNCTION @extschema@.merge_preview_run(pg_catalog.regclass, text, text[], jsonb, text, jsonb, text) IS 'What merge_preview does.';
SELECT @extschema@.set_audience('merge_preview_run(regclass, text, text[], jsonb, text, jsonb, text)', 'internal');

CREATE FUNCTION @extschema@.merge(relation pg_catalog.regclass, keep text, lose text[], reason text DEFAULT NULL, dry_run boolean DEFAULT false,
                                  choose jsonb DEFAULT '{}', on_collision text DEFAULT 'keep', collisions jsonb DEFAULT '{}',
                                  values_by text DEFAULT 'rules', redirect boolean DEFAULT false) RETURNS bigint
    AS 'MODULE_PATHNAME', 'crm_merge_gate' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000;
COMMENT ON FUNCTION @extschema@.merge(pg_catalog.regclass, text, text[], text, boolean, jsonb, text, jsonb, text, boolean) IS
'Makes rows of a table one: everything that refers to the rows lose refers to the row keep afterwards, and they are deleted. keep and lose '
'are keys as text, composite ones as JSON arrays. The kept row keeps its values and takes, where it has none, those of the losers in their '
'order. In an adopted table attributes for which set_survivorship set a rule go by that (values_by rules), or all do, the most recent value '
'where there is no rule (golden), or none (keeper). choose says otherwise by column: {"email": "4711", "city": {"value": "Ulm"}}. Rows that would collide with rows of the kept one: on_collision '
'keep (the kept row''s own stays, the other is removed and stored), combine (its empty columns are filled, too) or refuse; collisions says it '
'by table: {"public.address": "combine"}. redirect: every foreign key to the table must have its redirect (install_redirect), so that what is '
'written for a loser later comes to the kept row. Returns the merge id, which unmerge takes; with dry_run NULL and a notice for each table, and '
'nothing changes. Everything is done with the caller''s rights; a protected table also asks for the privilege merge. Errors: RM001, RM005, '
'RM202 (no such row), RM203 (cannot be merged; the message says why), RM205 (collisions refused), 42501. '
'Example: SELECT merge(''public.customer'', ''17'', ''{4711}'', ''same tax id'');';

CREATE FUNCTION @extschema@.merge_preview(relation pg_catalog.regclass, keep text, lose text[], choose jsonb DEFAULT '{}',
                                          on_collision text DEFAULT 'keep', collisions jsonb DEFAULT '{}', values_by text DEFAULT 'rules')
    RETURNS TABLE (in_relation pg_catalog.regclass, row_key text, action text, kept_key text, before jsonb, after jsonb)
    AS 'MODULE_PATHNAME', 'crm_merge_gate' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000 ROWS 100;
COMMENT ON FUNCTION @extschema@.merge_preview(pg_catalog.regclass, text, text[], jsonb, text, jsonb, text) IS
'Every row that merge of the same arguments would change: its table and key, update or delete, for a removed row the one that it becomes one '
'with, the whole row before, and the columns that would change. Text forms as row_as_text() gives them. What triggers would add is not known '
'before. Locks the rows while it runs, and nothing is left of it. Errors as merge. '
'Example: SELECT * FROM merge_preview(''public.customer'', ''17'', ''{4711}'');';
