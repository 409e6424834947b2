-- The journeys of a funnel as far as their numbers are the caller's.

CREATE FUNCTION @extschema@.total_journey(funnel text, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL)
    RETURNS TABLE (subject text, journey @extschema@.journey)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 100000 COST 100000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT t.subject, journey_agg(t.at, s."position", t."sequence")
    FROM total_transition(total_journey.funnel, since, until) t
    JOIN funnel_stage s ON s.funnel = t.funnel AND s.stage = t.to_stage
    WHERE t.at IS NOT NULL
    GROUP BY t.subject;
END
$$;
COMMENT ON FUNCTION @extschema@.total_journey(text, timestamptz, timestamptz) IS
'The journeys of the subjects of a funnel: positions of their stages from since until before until, of the units for which the '
'caller has the privilege total; events of equal time by their sequence in the record, then by position. No row for a subject '
'without event. Gives subjects, so not for users.';
SELECT @extschema@.set_audience('total_journey(text, timestamptz, timestamptz)', 'internal');
