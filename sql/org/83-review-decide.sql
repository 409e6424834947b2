-- Deciding about the entries of an access review: a revoke ends what was frozen, if it still stands.

CREATE FUNCTION @extschema@.require_review_entry(entry bigint) RETURNS @extschema@.review_entry
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    found_entry review_entry;
    whole review;
BEGIN
    SELECT * INTO found_entry FROM review_entry e WHERE e.id = require_review_entry.entry FOR UPDATE;
    SELECT * INTO whole FROM review r WHERE r.id = found_entry.review FOR SHARE;
    IF whole.id IS NULL OR NOT may_review(whole.unit, 'read') THEN
        RAISE EXCEPTION 'entry % of an access review does not exist', coalesce(require_review_entry.entry::text, 'null')
            USING ERRCODE = 'RM001', HINT = 'SELECT entry FROM @extschema@.access_review; shows those that you may see.';
    END IF;
    IF NOT may_review(whole.unit, 'update') THEN
        RAISE EXCEPTION 'you may not decide about entries of access review %', whole.id USING ERRCODE = 'insufficient_privilege',
            HINT = format('It takes the privilege update on access, in unit "%s" and in all below.', whole.unit);
    END IF;
    IF whole.finished_at IS NOT NULL THEN
        RAISE EXCEPTION 'access review % is finished', whole.id USING ERRCODE = 'RM107',
            HINT = format('Type SELECT @extschema@.start_access_review(%L); for another one.', whole.unit);
    END IF;
    IF found_entry.verdict IS NOT NULL THEN
        RAISE EXCEPTION 'entry % is decided already', found_entry.id USING ERRCODE = 'RM107',
            DETAIL = format('%s said %s on %s.', found_entry.decided_by, found_entry.verdict, found_entry.decided_at),
            HINT = 'What was decided stays; start another access review.';
    END IF;
    RETURN found_entry;
END
$$;
COMMENT ON FUNCTION @extschema@.require_review_entry(bigint) IS
'An entry that the caller may decide about now, locked. RM001 where there is none that he may see, 42501, RM107 where it is decided '
'or its review finished.';
SELECT @extschema@.set_audience('require_review_entry(bigint)', 'internal');

-- Four eyes, and no reviewer of a unit takes away what was given to somebody elsewhere.
CREATE FUNCTION @extschema@.check_reviewer(decided @extschema@.review_entry, verdict text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    me text := current_principal();
    place text;
BEGIN
    IF decided.principal = me OR EXISTS (SELECT FROM team_member t WHERE t.team IN (decided.principal, decided.team) AND t.principal = me
                                           AND t.during @> statement_timestamp()) THEN
        RAISE EXCEPTION 'nobody decides about access of his own' USING ERRCODE = 'insufficient_privilege',
            DETAIL = format('Entry %s gives something to "%s".', decided.id, decided.principal),
            HINT = 'Ask another reviewer of the unit, or an administrator.';
    END IF;
    IF verdict = 'confirm' THEN
        RETURN;
    END IF;
    IF decided.kind IN ('orphan', 'organisation') THEN
        RAISE EXCEPTION 'entry % is nothing that could be revoked', decided.id USING ERRCODE = 'RM005',
            HINT = CASE decided.kind WHEN 'orphan' THEN 'Give the unit a member or the rows an owner, and confirm it with a comment.'
                        ELSE format('Take privileges from role "%s" with revoke_privilege, or review the whole organisation.', decided.role) END;
    END IF;
    FOR place IN
        SELECT decided.unit WHERE decided.kind = 'reach'
        UNION SELECT coalesce(decided.unit, root_unit()) WHERE decided.kind = 'denial'
        UNION SELECT m.unit FROM membership m WHERE m.principal = decided.team AND NOT m.during << tstzrange(now(), NULL)
    LOOP
        IF NOT may_review(place, 'update') THEN
            RAISE EXCEPTION 'you may not revoke what was given in unit "%"', place USING ERRCODE = 'insufficient_privilege',
                HINT = 'Whoever reviews that unit may, or an administrator.';
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.check_reviewer(@extschema@.review_entry, text) IS
'Raises 42501 where the entry is about the caller himself or one of his teams, or would revoke what stands in a unit that he may '
'not decide about; RM005 where there is nothing to revoke.';
SELECT @extschema@.set_audience('check_reviewer(review_entry, text)', 'internal');

-- By id, where remove_member and remove_team_member go by names and would end others too.
CREATE FUNCTION @extschema@.end_period(relation text, id bigint) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    EXECUTE format('DELETE FROM @extschema@.%I x WHERE x.id = $1 AND lower(x.during) >= now()', end_period.relation) USING end_period.id;
    EXECUTE format('UPDATE @extschema@.%I x SET during = x.during * tstzrange(NULL, now()) WHERE x.id = $1', end_period.relation)
        USING end_period.id;
END
$$;
COMMENT ON FUNCTION @extschema@.end_period(text, bigint) IS 'Ends a membership or team membership now; one that has not begun is forgotten.';
SELECT @extschema@.set_audience('end_period(text, bigint)', 'internal');

CREATE FUNCTION @extschema@.end_reviewed_period(decided @extschema@.review_entry) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    source text := CASE decided.kind WHEN 'share' THEN 'shared_record' WHEN 'team' THEN 'team_member' ELSE 'membership' END;
    now_row jsonb;
    period tstzrange;
    changes text;
BEGIN
    EXECUTE format('SELECT to_jsonb(x), x.during FROM @extschema@.%I x WHERE x.id = $1 FOR UPDATE', source)
        INTO now_row, period USING decided.source;
    IF now_row IS NULL THEN
        RETURN 'was gone already';
    END IF;
    IF period << tstzrange(now(), NULL) THEN
        RETURN format('had ended already, on %s', upper(period));
    END IF;
    changes := concat_ws(', ',
        CASE WHEN lower(period) IS DISTINCT FROM decided.since OR upper(period) IS DISTINCT FROM decided.until
             THEN format('its period is %s', period) END,
        CASE WHEN decided.kind IN ('membership', 'reach') AND now_row ->> 'role' IS DISTINCT FROM decided.role
             THEN format('its role is %s', coalesce(now_row ->> 'role', 'none')) END,
        CASE WHEN decided.kind <> 'team' AND now_row ->> 'unit' IS DISTINCT FROM decided.unit
             THEN format('its unit is %s', coalesce(now_row ->> 'unit', 'none')) END,
        CASE WHEN decided.kind = 'membership'
                  AND role_summary(ARRAY(SELECT now_row ->> 'role' UNION SELECT u.role FROM unit_role u WHERE u.unit = now_row ->> 'unit'))
                      <> decided.privileges
             THEN 'its roles grant something else' END,
        CASE WHEN decided.kind = 'share' AND now_row -> 'privileges' <> to_jsonb(decided.privileges)
             THEN format('its privileges are %s', now_row ->> 'privileges') END);
    IF decided.kind = 'share' THEN
        PERFORM end_shares(ARRAY[decided.source]);
    ELSE
        PERFORM end_period(source, decided.source);
    END IF;
    RETURN 'ended' || CASE WHEN changes <> '' THEN format('; it had changed since it was frozen: %s', changes) ELSE '' END;
END
$$;
COMMENT ON FUNCTION @extschema@.end_reviewed_period(@extschema@.review_entry) IS
'Ends the membership, team membership or share of an entry, and says whether it still was as it was frozen.';
SELECT @extschema@.set_audience('end_reviewed_period(review_entry)', 'internal');

CREATE FUNCTION @extschema@.end_reviewed(decided @extschema@.review_entry) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    outcome text;
    again text;
BEGIN
    CASE decided.kind
        WHEN 'unit_role' THEN
            DELETE FROM unit_role u WHERE u.unit = decided.unit AND u.role = decided.role;
            RETURN CASE WHEN FOUND THEN 'ended' ELSE 'was gone already' END;
        WHEN 'denial' THEN
            DELETE FROM denial d WHERE d.id = decided.source;
            RETURN CASE WHEN FOUND THEN 'ended' ELSE 'was gone already' END;
        ELSE
            outcome := end_reviewed_period(decided);
    END CASE;
    -- Given again since: that is another membership, which nobody reviewed.
    again := CASE WHEN decided.kind IN ('membership', 'reach') THEN
                 (SELECT string_agg(coalesce(m.role, 'without role'), ', ' ORDER BY m.role) FROM membership m
                  WHERE m.principal = decided.principal AND m.unit = decided.unit AND m.role IS NOT DISTINCT FROM decided.role
                    AND m.id <> decided.source AND NOT m.during << tstzrange(now(), NULL)) END;
    RETURN outcome || CASE WHEN again IS NOT NULL THEN format('; "%s" has the same by another membership in %s', decided.principal, decided.unit)
                           ELSE '' END;
END
$$;
COMMENT ON FUNCTION @extschema@.end_reviewed(@extschema@.review_entry) IS 'Ends what an entry stands for; returns what happened.';
SELECT @extschema@.set_audience('end_reviewed(review_entry)', 'internal');

CREATE FUNCTION @extschema@.decide_access_review(entry bigint, verdict text, comment text DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    verdicts CONSTANT text[] := ARRAY['confirm', 'revoke'];
    decided review_entry := require_review_entry(decide_access_review.entry);
    result text;
BEGIN
    IF decide_access_review.verdict IS NULL OR NOT decide_access_review.verdict = ANY (verdicts) THEN
        PERFORM raise_unknown('verdict', coalesce(decide_access_review.verdict, ''), verdicts);
    END IF;
    PERFORM check_reviewer(decided, decide_access_review.verdict);
    result := CASE decide_access_review.verdict WHEN 'revoke' THEN end_reviewed(decided) ELSE 'confirmed' END;
    UPDATE review_entry e
    SET verdict = decide_access_review.verdict, decided_by = asker_name(), decided_at = now(), comment = decide_access_review.comment,
        outcome = result
    WHERE e.id = decided.id;
    RETURN result;
END
$$;
COMMENT ON FUNCTION @extschema@.decide_access_review(bigint, text, text) IS
'Confirms or revokes an entry of an access review, for good; revoke ends the membership, unit role, team membership, share or denial '
'in the same transaction. Returns what happened, also where it had ended or changed since it was frozen. For administrators and '
'whoever may update on access in the reviewed unit and below it, and for revoking where it stands; never about oneself. Errors: '
'RM001, RM107, 42501. Example: SELECT decide_access_review(17, ''revoke'', ''left in May'');';

CREATE FUNCTION @extschema@.finish_access_review(review bigint, reason text DEFAULT NULL) RETURNS integer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    whole review;
    open integer;
BEGIN
    SELECT * INTO whole FROM review r WHERE r.id = finish_access_review.review FOR UPDATE;
    IF whole.id IS NULL OR NOT may_review(whole.unit, 'read') THEN
        RAISE EXCEPTION 'access review % does not exist', coalesce(finish_access_review.review::text, 'null')
            USING ERRCODE = 'RM001', HINT = 'SELECT DISTINCT review FROM @extschema@.access_review; shows those that you may see.';
    END IF;
    IF NOT may_review(whole.unit, 'update') THEN
        RAISE EXCEPTION 'you may not finish access review %', whole.id USING ERRCODE = 'insufficient_privilege',
            HINT = format('It takes the privilege update on access, in unit "%s" and in all below.', whole.unit);
    END IF;
    IF whole.finished_at IS NOT NULL THEN
        RAISE EXCEPTION 'access review % is finished', whole.id USING ERRCODE = 'RM107',
            DETAIL = format('%s finished it on %s.', whole.finished_by, whole.finished_at), HINT = 'There is nothing left to do.';
    END IF;
    open := (SELECT count(*) FROM review_entry e WHERE e.review = whole.id AND e.verdict IS NULL);
    IF open > 0 AND coalesce(btrim(finish_access_review.reason), '') = '' THEN
        RAISE EXCEPTION 'access review % has % entries that nobody decided', whole.id, open USING ERRCODE = 'RM107',
            HINT = format('Decide them, or type SELECT @extschema@.finish_access_review(%s, ''why they stay open''); '
                          'SELECT * FROM @extschema@.access_review WHERE review = %s AND verdict IS NULL; shows them.', whole.id, whole.id);
    END IF;
    UPDATE review r SET finished_at = now(), finished_by = asker_name(), reason = finish_access_review.reason WHERE r.id = whole.id;
    RETURN open;
END
$$;
COMMENT ON FUNCTION @extschema@.finish_access_review(bigint, text) IS
'Closes an access review; afterwards nothing in it can be decided any more. Returns how many entries stay open: none, unless a reason '
'is given. Errors: RM001, RM107, 42501. Example: SELECT finish_access_review(3);';
