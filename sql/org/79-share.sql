-- share and unshare: one record for one principal, or for the members of a unit.

ALTER TABLE @extschema@.shared_record ADD FOREIGN KEY (relation) REFERENCES @extschema@.protection ON DELETE CASCADE;

CREATE FUNCTION @extschema@.resolve_grantee(grantee text, OUT principal text, OUT unit text)
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    word text := btrim(resolve_grantee.grantee);
BEGIN
    IF word ^@ 'principal:' THEN
        principal := (require_principal(substr(word, 11))).principal;
    ELSIF word ^@ 'unit:' THEN
        unit := (require_unit(substr(word, 6))).unit;
    ELSE
        SELECT p.principal INTO principal FROM principal p WHERE lower(p.principal) = lower(word);
        IF NOT FOUND THEN
            SELECT a.principal INTO principal FROM principal_alias a WHERE lower(a.alias) = lower(word);
        END IF;
        SELECT u.unit INTO unit FROM unit u WHERE lower(u.unit) = lower(word);
        IF principal IS NOT NULL AND unit IS NOT NULL THEN
            RAISE EXCEPTION '"%" is a principal and a unit', word USING ERRCODE = 'RM005',
                HINT = format('Type %L or %L.', 'principal:' || principal, 'unit:' || unit);
        ELSIF num_nonnulls(principal, unit) = 0 THEN
            PERFORM raise_unknown('principal or unit', coalesce(word, ''),
                                  ARRAY(SELECT p.principal FROM principal p UNION SELECT u.unit FROM unit u));
        END IF;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.resolve_grantee(text) IS
'Whom a share is for: the key or alias of a principal, or the key of a unit; principal:KEY and unit:KEY where a word could be both. '
'RM001 where there is none, RM005 where the word is both.';
SELECT @extschema@.set_audience('resolve_grantee(text)', 'internal');

CREATE FUNCTION @extschema@.asker_name() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN COALESCE(@extschema@.current_principal(),
                    (SELECT 'role ' || @extschema@.caller() FROM @extschema@.current_identity() i WHERE i.identified_by = 'role'));
COMMENT ON FUNCTION @extschema@.asker_name() IS
'Who asks, for what is noted: the principal, or "role NAME" for a database role that is none. NULL by a token that is no good.';

-- For whoever is no administrator: he must have share on the record, and whatever he gives.
CREATE FUNCTION @extschema@.check_giver(plan @extschema@.protection, facts jsonb, giver text, privileges text[]) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    held text[];
BEGIN
    IF NOT record_grants(plan, facts, 'share', giver) THEN
        RAISE EXCEPTION 'principal "%" may not share record "%" of %', giver, facts ->> 'key', plan.relation
            USING ERRCODE = 'insufficient_privilege',
                  HINT = format('SELECT * FROM @extschema@.explain_access(%L, %L, %L, ''share''); shows why.', giver,
                                plan.relation, facts ->> 'key');
    END IF;
    held := ARRAY(SELECT p FROM unnest(privileges) WITH ORDINALITY u (p, n) WHERE record_grants(plan, facts, p, giver) ORDER BY n);
    IF held <> privileges THEN
        RAISE EXCEPTION 'principal "%" cannot give more on record "%" of % than it has', giver, facts ->> 'key', plan.relation
            USING ERRCODE = 'insufficient_privilege',
                  DETAIL = format('It has no %s.', (SELECT string_agg(p, ', ') FROM unnest(privileges) p WHERE p <> ALL (held))),
                  HINT = format('Share it with privileges => %L.', held);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.check_giver(@extschema@.protection, jsonb, text, text[]) IS
'Raises 42501 where a principal has no privilege share on a record, or not all privileges that it would give.';
SELECT @extschema@.set_audience('check_giver(protection, jsonb, text, text[])', 'internal');

-- Otherwise two who share with each other could keep what was shared with one of them for a time.
CREATE FUNCTION @extschema@.sharing_ground(plan @extschema@.protection, facts jsonb, giver text, privileges text[], share bigint)
    RETURNS @extschema@.shared_record
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    borrowed text[] := ARRAY(SELECT p FROM unnest(privileges || 'share'::text) p
                             WHERE NOT record_grants(plan, facts, p, giver, with_shares => false));
    ground shared_record;
BEGIN
    IF borrowed = '{}' THEN
        RETURN NULL;
    END IF;
    WITH RECURSIVE resting AS ( -- what rests on the share that is changed cannot carry it
        SELECT sharing_ground.share AS id
        UNION
        SELECT s.id FROM resting r JOIN shared_record s ON s.ground = r.id)
    SELECT (r.share).* INTO ground FROM record_shares(plan.relation, facts ->> 'key') r
    WHERE r.principal = giver AND r.during @> statement_timestamp() AND borrowed || 'share'::text <@ (r.share).privileges
      AND NOT EXISTS (SELECT FROM resting x WHERE x.id = (r.share).id)
    ORDER BY upper((r.share).during) DESC NULLS FIRST, (r.share).id LIMIT 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'principal "%" may not pass on what is shared with it of record "%" of %', giver, facts ->> 'key', plan.relation
            USING ERRCODE = 'insufficient_privilege',
                  DETAIL = format('It has %s by a share that does not give share too.', array_to_string(borrowed, ', ')),
                  HINT = 'Share it with fewer privileges, or ask whoever shared it.';
    END IF;
    RETURN ground;
END
$$;
COMMENT ON FUNCTION @extschema@.sharing_ground(@extschema@.protection, jsonb, text, text[], bigint) IS
'The share on which a principal''s right to give these privileges on a record rests, other than the one that it is about to change; '
'NULL where its roles and own rows suffice. 42501 where there is none.';
SELECT @extschema@.set_audience('sharing_ground(protection, jsonb, text, text[], bigint)', 'internal');

CREATE FUNCTION @extschema@.check_shared_privileges(privileges text[]) RETURNS text[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    known CONSTANT text[] := ARRAY['read', 'update', 'delete', 'assign', 'share', 'export', 'merge'];
    wrong text := (SELECT coalesce(p, '') FROM unnest(privileges) p WHERE coalesce(p <> ALL (known), true) LIMIT 1);
BEGIN
    IF wrong IS NOT NULL THEN
        PERFORM raise_unknown('privilege of a share', wrong, known);
    END IF;
    RETURN ARRAY(SELECT k FROM unnest(known) WITH ORDINALITY u (k, n) WHERE k = 'read' OR k = ANY (privileges) ORDER BY n);
END
$$;
COMMENT ON FUNCTION @extschema@.check_shared_privileges(text[]) IS
'The privileges of a share in their order, each once, read always among them; RM001 for one that no share can give.';

-- A share was made smaller: what rests on it is made smaller too.
CREATE FUNCTION @extschema@.limit_shares(ground @extschema@.shared_record, taken text[]) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    child shared_record;
BEGIN
    FOR child IN SELECT * FROM shared_record s WHERE s.ground = limit_shares.ground.id AND NOT s.during <@ tstzrange(NULL, now()) LOOP
        IF 'share' = ANY (taken) OR NOT child.during && ground.during THEN
            PERFORM end_shares(ARRAY[child.id]);
        ELSE
            UPDATE shared_record s SET during = child.during * ground.during,
                                       privileges = ARRAY(SELECT p FROM unnest(child.privileges) p WHERE p <> ALL (taken))
            WHERE s.id = child.id RETURNING s.* INTO child;
            PERFORM limit_shares(child, taken);
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.limit_shares(@extschema@.shared_record, text[]) IS
'Takes from the shares that rest on this one what was taken from it, and ends them where it ends.';
SELECT @extschema@.set_audience('limit_shares(shared_record, text[])', 'internal');

CREATE FUNCTION @extschema@.share(relation pg_catalog.regclass, key text, grantee text, privileges text[] DEFAULT '{read}',
                                  until timestamptz DEFAULT NULL, reason text DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    plan protection := require_protection(share.relation);
    facts jsonb := require_readable(plan, share.key);
    administers boolean := may_administer(plan.relation);
    given text[] := check_shared_privileges(share.privileges);
    last timestamptz := share.until;
    ground shared_record;
    target record;
    before shared_record;
    made shared_record;
BEGIN
    IF last <= now() THEN
        RAISE EXCEPTION 'a share cannot end in the past' USING ERRCODE = 'RM005', DETAIL = format('until is %s.', last),
            HINT = 'Type for example until => now() + interval ''2 weeks'', or end it with unshare.';
    END IF;
    IF NOT administers THEN
        PERFORM check_giver(plan, facts, current_principal(), given);
    END IF;
    SELECT * INTO target FROM resolve_grantee(share.grantee);
    IF (SELECT u.until <= now() FROM unit u WHERE u.unit = target.unit) THEN
        RAISE EXCEPTION 'unit "%" is retired', target.unit USING ERRCODE = 'RM102', HINT = 'Choose a unit that is in use.';
    ELSIF NOT administers AND target.principal = current_principal() THEN
        RAISE EXCEPTION 'principal "%" cannot share with itself', target.principal USING ERRCODE = 'insufficient_privilege',
            HINT = 'Name another principal, or a unit.';
    END IF;
    PERFORM lock_record_shares(plan.relation, facts ->> 'key');
    SELECT * INTO before FROM shared_record s
    WHERE s.relation = plan.relation AND s.record_key = facts ->> 'key' AND s.shared_by = asker_name()
      AND s.principal IS NOT DISTINCT FROM target.principal AND s.unit IS NOT DISTINCT FROM target.unit AND s.during @> now();
    IF NOT administers THEN
        ground := sharing_ground(plan, facts, current_principal(), given, before.id);
        PERFORM FROM shared_record s WHERE s.id = ground.id FOR SHARE; -- REPEATABLE READ fails where it ended meanwhile
        IF upper(ground.during) < last THEN
            RAISE EXCEPTION 'a share cannot last longer than the one that it rests on' USING ERRCODE = 'RM005',
                DETAIL = format('That one ends at %s.', upper(ground.during)), HINT = 'Give an earlier end, or none.';
        END IF;
        last := least(last, upper(ground.during));
    END IF;
    IF before.id IS NULL THEN
        INSERT INTO shared_record (relation, record_key, principal, unit, privileges, during, reason, shared_by, ground)
        VALUES (plan.relation, facts ->> 'key', target.principal, target.unit, given, tstzrange(now(), last), share.reason,
                asker_name(), ground.id)
        RETURNING * INTO made;
    ELSE
        UPDATE shared_record s SET privileges = given, during = tstzrange(lower(before.during), last), ground = ground.id,
                                   reason = coalesce(share.reason, s.reason)
        WHERE s.id = before.id RETURNING s.* INTO made;
        PERFORM limit_shares(made, ARRAY(SELECT p FROM unnest(before.privileges) p WHERE p <> ALL (given)));
    END IF;
    RETURN made.id;
END
$$;
COMMENT ON FUNCTION @extschema@.share(pg_catalog.regclass, text, text, text[], timestamptz, text) IS
'Gives one record of a protected table to a principal (a person, a team) or to all members of a unit and of those below it, with '
'privileges (read, which is always among them, update, delete, assign, share, export, merge), until an instant or for good, and '
'returns the share''s id. A second call of the same giver for the same grantee changes privileges and end. Administrators and the '
'table''s owner may; and a principal who has share on the record, for others and for no more than it has there itself. What it '
'has by a share it passes on only where that share gives share, and no longer than that lasts: the new one ends with it. RM001 '
'where the record does not exist or the caller may not read it. grantee is a key; unit:KEY or principal:KEY where it could be both. '
'Example: SELECT share(''public.deals'', ''17'', ''ben'', ''{read,update}'', until => now() + interval ''2 weeks'', reason => ''holiday'');';

CREATE FUNCTION @extschema@.unshare(relation pg_catalog.regclass, key text, grantee text) RETURNS integer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    plan protection := require_protection(unshare.relation);
    everybodys boolean := may_administer(plan.relation);
    facts jsonb;
    target record;
    ids bigint[];
BEGIN
    facts := find_record(plan, unshare.key);
    IF NOT everybodys THEN
        PERFORM owned(NULL::text, plan.object, 'share'); -- RM101 for whoever is no principal
        -- By a share one ends only what one shared oneself.
        everybodys := facts IS NOT NULL AND record_grants(plan, facts, 'share', current_principal(), with_shares => false);
    END IF;
    SELECT * INTO target FROM resolve_grantee(unshare.grantee);
    ids := ARRAY(SELECT s.id FROM shared_record s
                 WHERE s.relation = plan.relation AND s.record_key = coalesce(facts ->> 'key', unshare.key)
                   AND s.principal IS NOT DISTINCT FROM target.principal AND s.unit IS NOT DISTINCT FROM target.unit
                   AND NOT s.during <@ tstzrange(NULL, now()) AND (everybodys OR s.shared_by = asker_name()));
    IF ids = '{}' THEN
        RAISE EXCEPTION 'there is no share of record "%" of % with "%" that could be ended', unshare.key, plan.relation,
                        coalesce(target.principal, target.unit)
            USING ERRCODE = 'RM001', HINT = 'SELECT * FROM @extschema@.share_list; shows what you may know of.';
    END IF;
    PERFORM end_shares(ids);
    RETURN cardinality(ids);
END
$$;
COMMENT ON FUNCTION @extschema@.unshare(pg_catalog.regclass, text, text) IS
'Ends now what is shared of a record with a principal or unit, and all that was passed on from it; returns how many shares with this '
'grantee ended. Administrators, the table''s owner and whoever has share on the record by its roles end everybody''s; others end '
'their own. RM001 where there is none. Example: SELECT unshare(''public.deals'', ''17'', ''ben'');';

CREATE FUNCTION @extschema@.share_rows()
    RETURNS TABLE (id bigint, relation pg_catalog.regclass, key text, grantee_kind text, grantee text, privileges text[],
                   since timestamptz, until timestamptz, reason text, shared_by text, passed_on_from bigint, mine boolean,
                   with_me boolean, state text)
    LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 100
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    WITH me AS MATERIALIZED (SELECT current_principal() AS principal, asker_name() AS name),
         plan AS MATERIALIZED (
             SELECT p.relation, may_administer(p.relation) AS administers, p AS plan,
                    -- Only a denial hides what is shared.
                    EXISTS (SELECT FROM denial d JOIN acting_principal a ON a.acts_as = d.principal
                            WHERE a.principal = me.principal AND a.during @> statement_timestamp()
                              AND d.object IN ('*', p.object) AND d.privilege = 'read') AS denied
             FROM protection p, me),
         mine AS MATERIALIZED (
             SELECT s.id FROM shared_record s JOIN acting_principal a ON a.acts_as = s.principal, me
             WHERE a.principal = me.principal AND a.during @> statement_timestamp() AND s.during @> statement_timestamp()
             UNION
             SELECT s.id FROM me, acting_principal a JOIN membership m ON m.principal = a.acts_as
             CROSS JOIN LATERAL units_above(m.unit) u JOIN shared_record s ON s.unit = u.unit
             WHERE a.principal = me.principal AND (a.during * m.during * s.during) @> statement_timestamp())
    SELECT s.id, s.relation, s.record_key, CASE WHEN s.unit IS NULL THEN 'principal' ELSE 'unit' END, coalesce(s.principal, s.unit),
           s.privileges, lower(s.during), upper(s.during), s.reason, s.shared_by, s.ground, s.shared_by = me.name,
           EXISTS (SELECT FROM mine m WHERE m.id = s.id),
           CASE WHEN s.during @> statement_timestamp() THEN 'active' WHEN lower(s.during) > statement_timestamp() THEN 'planned' ELSE 'ended' END
    FROM shared_record s JOIN plan p ON p.relation = s.relation CROSS JOIN me
    WHERE p.administers OR s.shared_by = me.name
       OR EXISTS (SELECT FROM mine m WHERE m.id = s.id)
          AND CASE WHEN p.denied THEN record_grants(p.plan, find_record(p.plan, s.record_key), 'read', me.principal) ELSE true END
$$;
COMMENT ON FUNCTION @extschema@.share_rows() IS 'The rows of share_list.';
CREATE VIEW @extschema@.share_list AS SELECT r.* FROM @extschema@.share_rows() r;
COMMENT ON VIEW @extschema@.share_list IS
'Shares: what the caller shared (mine), what is shared with it now, itself, by a team or a unit (with_me), and for administrators and '
'owners of tables all of theirs. state is active, planned or ended; until is null where it lasts for good; passed_on_from is the '
'share that it ends with.';
GRANT SELECT ON @extschema@.share_list TO PUBLIC;
