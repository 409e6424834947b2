-- How the customer's story calls stages.

CREATE FUNCTION @extschema@.story_stage(relation pg_catalog.regclass, value text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE COST 300 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN (SELECT s.label FROM tracking t JOIN funnel_stage s ON s.funnel = t.funnel AND s.stage = resolve_stage(t.funnel, $2)
            WHERE t.target = $1 ORDER BY t.relation::oid LIMIT 1);
END
$$;
COMMENT ON FUNCTION @extschema@.story_stage(pg_catalog.regclass, text) IS
'The label of the stage that a value of a tracked table means; NULL where the table is not tracked or nothing matches.';
SELECT @extschema@.set_audience('story_stage(regclass, text)', 'admin');
INSERT INTO @extschema@.story_label (attribute, function_name) VALUES ('stage', 'story_stage');
