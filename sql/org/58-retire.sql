-- A person leaves, a team is dissolved.

CREATE FUNCTION @extschema@.retire_principal(principal text) RETURNS TABLE (what text, ended bigint)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    leaver principal := require_principal(retire_principal.principal);
    past CONSTANT tstzrange := tstzrange(NULL, now());
BEGIN
    -- What has not begun is forgotten, what lasts ends now, what is over stays as it was.
    RETURN QUERY
    WITH planned AS (DELETE FROM membership m WHERE m.principal = leaver.principal AND lower(m.during) >= now() RETURNING 1),
         lasting AS (UPDATE membership m SET during = m.during * past
                     WHERE m.principal = leaver.principal AND NOT m.during <@ past AND NOT COALESCE(lower(m.during) >= now(), false)
                     RETURNING 1)
    SELECT 'memberships of units', (SELECT count(*) FROM planned) + (SELECT count(*) FROM lasting);
    RETURN QUERY
    WITH planned AS (DELETE FROM team_member t
                     WHERE leaver.principal IN (t.principal, t.team) AND lower(t.during) >= now() RETURNING t.team),
         lasting AS (UPDATE team_member t SET during = t.during * past
                     WHERE leaver.principal IN (t.principal, t.team) AND NOT t.during <@ past
                       AND NOT COALESCE(lower(t.during) >= now(), false)
                     RETURNING t.team),
         ended AS (SELECT * FROM planned UNION ALL SELECT * FROM lasting)
    SELECT CASE WHEN leaver.kind = 'team' THEN 'members of the team' ELSE 'memberships of teams' END, (SELECT count(*) FROM ended);
    RETURN QUERY SELECT 'shares', end_shares(ARRAY(
        SELECT s.id FROM shared_record s WHERE s.principal = leaver.principal AND NOT s.during <@ past));
    UPDATE principal p SET role_name = NULL WHERE p.principal = leaver.principal AND p.role_name IS NOT NULL;
    RETURN QUERY SELECT format('database role %s', leaver.role_name), 1::bigint WHERE leaver.role_name IS NOT NULL;
END
$$;
COMMENT ON FUNCTION @extschema@.retire_principal(text) IS
'Takes all access of a principal that leaves: ends its memberships of units and teams (of a team: its members), planned ones '
'included, and what is shared with it, and binds it to no database role. Returns what ended. Key, aliases and denials stay, so that '
'rows keep their owner and the past can be told; so do records that it shared with others (share_list shows them). Sessions follow '
'at their next statement or FETCH. Example: SELECT * FROM retire_principal(''anna'');';
SELECT @extschema@.set_audience('retire_principal(text)', 'admin');
