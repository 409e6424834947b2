-- Access reviews: who can see what in a unit, frozen at an instant, to be confirmed or revoked entry by entry.

CREATE TABLE @extschema@.review (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    unit text NOT NULL,
    unit_name text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    started_by text NOT NULL,
    finished_at timestamptz,
    finished_by text,
    reason text,
    CHECK (pg_catalog.num_nonnulls(finished_at, finished_by) <> 1)
);
COMMENT ON TABLE @extschema@.review IS
'Access reviews: of which unit with all below it, who started and finished them, and why where entries were left open.';

CREATE TABLE @extschema@.review_entry (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    review bigint NOT NULL REFERENCES @extschema@.review,
    kind text NOT NULL CHECK (kind = ANY (ARRAY['membership', 'reach', 'organisation', 'unit_role', 'team', 'share', 'denial', 'orphan'])),
    principal text,
    principal_name text,
    team text,
    unit text,
    role text,
    privileges text[] NOT NULL,
    relation text,
    record_key text,
    since timestamptz,
    until timestamptz,
    why text NOT NULL,
    finding text,
    source bigint,
    verdict text CHECK (verdict = ANY (ARRAY['confirm', 'revoke'])),
    decided_by text,
    decided_at timestamptz,
    comment text,
    outcome text,
    CHECK (pg_catalog.num_nonnulls(verdict, decided_by, decided_at, outcome) = ANY (ARRAY[0, 4]))
);
CREATE INDEX review_entry_review ON @extschema@.review_entry (review);
COMMENT ON TABLE @extschema@.review_entry IS
'What an access review froze, one row for each reason why somebody sees something, and what was decided about it. Names are text, '
'so that they stay when what they name is gone; source is the id of the membership, team membership, share or denial.';

SELECT pg_catalog.pg_extension_config_dump('@extschema@.review', '');
SELECT pg_catalog.pg_extension_config_dump(pg_catalog.pg_get_serial_sequence('@extschema@.review', 'id')::pg_catalog.regclass, '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.review_entry', '');
SELECT pg_catalog.pg_extension_config_dump(pg_catalog.pg_get_serial_sequence('@extschema@.review_entry', 'id')::pg_catalog.regclass, '');

INSERT INTO @extschema@.shipped_object VALUES ('access', 'who may do what: access reviews (create starts, read shows, update decides)');

CREATE FUNCTION @extschema@.may_review(unit text, privilege text) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE COST 1000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT CASE WHEN is_audience('admin') THEN true
                WHEN current_principal() IS NULL THEN false
                ELSE visible_below(may_review.unit, 'access', may_review.privilege) END
$$;
COMMENT ON FUNCTION @extschema@.may_review(text, text) IS
'Whether the caller may start (create), see (read) or decide (update) access reviews of a unit with all below it: administrators, '
'and those whose roles grant that on access, as the role manager does.';

-- A log: what was frozen and decided stays.
CREATE FUNCTION @extschema@.keep_review() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    once CONSTANT text[] := '{verdict,decided_by,decided_at,comment,outcome,finished_at,finished_by,reason}';
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF to_jsonb(OLD) - once = to_jsonb(NEW) - once
           AND coalesce(to_jsonb(OLD) ->> 'verdict', to_jsonb(OLD) ->> 'finished_at') IS NULL THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'access reviews are a log: what was written there stays' USING ERRCODE = 'RM107',
        HINT = 'Type SELECT @extschema@.start_access_review(...); for another review.';
END
$$;
COMMENT ON FUNCTION @extschema@.keep_review() IS
'Trigger: an entry changes once, when it is decided, a review once, when it is finished; nothing is deleted.';
CREATE TRIGGER keep_review BEFORE UPDATE OR DELETE ON @extschema@.review
    FOR EACH ROW EXECUTE FUNCTION @extschema@.keep_review();
CREATE TRIGGER keep_review BEFORE UPDATE OR DELETE ON @extschema@.review_entry
    FOR EACH ROW EXECUTE FUNCTION @extschema@.keep_review();
CREATE TRIGGER keep_review_whole BEFORE TRUNCATE ON @extschema@.review
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.keep_review();
CREATE TRIGGER keep_review_whole BEFORE TRUNCATE ON @extschema@.review_entry
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.keep_review();
ALTER TABLE @extschema@.review ENABLE ALWAYS TRIGGER keep_review, ENABLE ALWAYS TRIGGER keep_review_whole;
ALTER TABLE @extschema@.review_entry ENABLE ALWAYS TRIGGER keep_review, ENABLE ALWAYS TRIGGER keep_review_whole;

CREATE FUNCTION @extschema@.role_summary(roles text[], depths text[] DEFAULT '{own,unit,below,organisation}') RETURNS text[]
    LANGUAGE sql STABLE PARALLEL SAFE COST 1000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT coalesce(array_agg(format('%s on %s (%s)', s.privileges, s.objects, s.depth) ORDER BY s.depth, s.privileges), '{}')
    FROM (SELECT o.privileges, o.depth, string_agg(o.object, ', ' ORDER BY o.object) AS objects
          FROM (SELECT p.object, p.depth, string_agg(DISTINCT p.privilege, ', ' ORDER BY p.privilege) AS privileges
                FROM role_privilege p WHERE p.role = ANY (role_summary.roles) AND p.depth = ANY (role_summary.depths) GROUP BY p.object, p.depth) o
          GROUP BY o.privileges, o.depth) s
$$;
COMMENT ON FUNCTION @extschema@.role_summary(text[], text[]) IS
'What roles grant at some depths, in few lines: privileges on objects (depth). Empty where they grant nothing.';
SELECT @extschema@.set_audience('role_summary(text[], text[])', 'internal');

CREATE FUNCTION @extschema@.review_principal(principal text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE COST 1000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT CASE
        WHEN p.kind = 'team' AND p.role_name IS NULL THEN
            CASE WHEN NOT EXISTS (SELECT FROM team_member t WHERE t.team = p.principal AND t.during @> statement_timestamp())
                 THEN 'a team without members' END
        WHEN p.kind = 'channel' THEN NULL
        WHEN p.role_name IS NULL THEN 'bound to no database role: nobody can be this principal but by a token'
        WHEN r.oid IS NULL THEN format('its database role "%s" does not exist', p.role_name)
        WHEN r.rolsuper OR r.rolbypassrls THEN format('its database role "%s" is outside all rules and sees everything', r.rolname)
        WHEN NOT r.rolcanlogin AND NOT EXISTS (SELECT FROM pg_roles l WHERE l.rolcanlogin AND NOT l.rolsuper
                                               AND pg_has_role(l.oid, r.oid, 'MEMBER'))
            THEN format('its database role "%s" cannot log in, and none that can is a member of it', r.rolname)
        WHEN r.rolvaliduntil <= now() THEN format('the password of its database role "%s" expired on %s', r.rolname, r.rolvaliduntil)
        END
    FROM principal p LEFT JOIN pg_roles r ON r.rolname = p.role_name
    WHERE p.principal = review_principal.principal
$$;
COMMENT ON FUNCTION @extschema@.review_principal(text) IS
'What a reviewer should know about a principal: above all that nobody can be it. When it was last used Postgres does not keep. '
'NULL where there is nothing.';
SELECT @extschema@.set_audience('review_principal(text)', 'internal');

-- Memberships that give something in the units: those there, and those elsewhere that reach them by depth.
CREATE FUNCTION @extschema@.review_memberships(place text)
    RETURNS TABLE (id bigint, kind text, principal text, unit text, role text, roles text[], depths text[], during tstzrange, why text,
                   finding text)
    LANGUAGE sql STABLE PARALLEL SAFE COST 100000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    WITH inside AS (SELECT b.unit FROM units_below(place) b),
    above AS (SELECT a.unit FROM units_above(place) a WHERE a.distance > 0),
    held AS (
        SELECT m.id, m.principal, m.unit, m.role, m.during,
               m.unit IN (SELECT i.unit FROM inside i) AS is_inside, m.unit IN (SELECT a.unit FROM above a) AS is_above,
               ARRAY(SELECT m.role WHERE m.role IS NOT NULL UNION SELECT u.role FROM unit_role u WHERE u.unit = m.unit ORDER BY 1) AS roles
        FROM membership m WHERE NOT m.during << tstzrange(now(), NULL)
    ),
    reaching AS (
        SELECT h.*, g.below
        FROM held h CROSS JOIN LATERAL (
            SELECT coalesce(bool_or(p.depth = 'below'), false) AND h.is_above AS below,
                   coalesce(bool_or(p.depth = 'organisation'), false) AS everywhere
            FROM role_privilege p WHERE p.role = ANY (h.roles)) g
        WHERE h.is_inside OR g.below OR g.everywhere
    )
    SELECT r.id, CASE WHEN r.is_inside THEN 'membership' WHEN r.below THEN 'reach' ELSE 'organisation' END,
           r.principal, r.unit, r.role, r.roles,
           CASE WHEN r.is_inside THEN '{own,unit,below,organisation}'::text[] WHEN r.below THEN '{below,organisation}' ELSE '{organisation}' END,
           r.during,
           CASE WHEN r.is_inside THEN format('member of %s', r.unit)
                WHEN r.below THEN format('member of %s, which is above, with depth below', r.unit)
                ELSE format('member of %s with depth organisation', r.unit) END
           || CASE WHEN cardinality(r.roles) > 0 THEN ': ' || array_to_string(r.roles, ', ') ELSE '' END,
           nullif(concat_ws('; ', review_principal(r.principal),
               CASE WHEN role_summary(r.roles) = '{}' THEN 'grants nothing' END,
               CASE WHEN u.until <= now() THEN format('unit %s is retired since %s', u.unit, u.until) END,
               CASE WHEN lower(r.during) > now() THEN format('begins on %s', lower(r.during)) END,
               (SELECT format('the same as by %s in %s', o.role, o.unit)
                FROM membership o JOIN units_above(r.unit) a ON a.unit = o.unit AND a.distance > 0
                WHERE o.principal = r.principal AND o.role = r.role AND o.during @> now()
                  AND NOT EXISTS (SELECT FROM role_privilege p WHERE p.role = o.role AND p.depth = 'unit')
                ORDER BY a.distance LIMIT 1)), '')
    FROM reaching r JOIN unit u ON u.unit = r.unit
$$;
COMMENT ON FUNCTION @extschema@.review_memberships(text) IS
'Memberships, planned ones included, that give something in a unit or below it: kind membership where they are there, reach where '
'they are above and reach down, organisation where they are elsewhere and reach everything.';
SELECT @extschema@.set_audience('review_memberships(text)', 'internal');

CREATE FUNCTION @extschema@.review_shares(place text)
    RETURNS TABLE (id bigint, principal text, unit text, privileges text[], relation text, record_key text, during tstzrange,
                   why text, finding text)
    LANGUAGE sql STABLE PARALLEL UNSAFE COST 1000000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    WITH inside AS MATERIALIZED (SELECT b.unit FROM units_below(place) b),
    above AS MATERIALIZED (SELECT a.unit FROM units_above(place) a WHERE a.distance > 0),
    shares AS MATERIALIZED (SELECT s.*, table_name(s.relation) AS name FROM shared_record s WHERE NOT s.during << tstzrange(now(), NULL)),
    people AS MATERIALIZED (
        SELECT m.principal FROM membership m JOIN inside i ON i.unit = m.unit WHERE m.during @> now()
        UNION
        SELECT t.principal FROM membership m JOIN inside i ON i.unit = m.unit JOIN team_member t ON t.team = m.principal
        WHERE m.during @> now() AND t.during @> now()
    ),
    places AS MATERIALIZED (
        SELECT k.relation, k.record_key, ARRAY(SELECT r.unit FROM record_places(p, f) r) AS units
        FROM (SELECT DISTINCT s.relation, s.record_key FROM shares s) k
        JOIN protection p ON p.relation = k.relation AND (p.key_mapped OR p.key_columns IS NOT NULL)
        CROSS JOIN LATERAL find_record(p, k.record_key) f
        WHERE f IS NOT NULL
    )
    SELECT s.id, s.principal, s.unit, s.privileges, s.name, s.record_key, s.during, w.why,
           nullif(concat_ws('; ', CASE WHEN s.principal IS NOT NULL THEN review_principal(s.principal) END,
               CASE WHEN p.relation IS NULL THEN 'the record is gone, or its table is not protected' END,
               CASE WHEN upper_inf(s.during) THEN 'never ends' END,
               CASE WHEN lower(s.during) > now() THEN format('begins on %s', lower(s.during)) END,
               CASE WHEN s.reason IS NULL THEN 'no reason was given' END), '')
    FROM shares s LEFT JOIN places p ON p.relation = s.relation AND p.record_key = s.record_key
    CROSS JOIN LATERAL (
        SELECT concat_ws('; ',
            (SELECT format('the record is in %s', string_agg(x.unit, ', ' ORDER BY x.unit)) FROM (SELECT i.unit FROM inside i WHERE i.unit = ANY (p.units)) x HAVING count(*) > 0),
            CASE WHEN s.unit IN (SELECT i.unit FROM inside i) THEN format('shared with the members of %s', s.unit)
                 WHEN s.unit IN (SELECT a.unit FROM above a) THEN format('shared with the members of %s and of all below it', s.unit)
                 WHEN s.principal IN (SELECT m.principal FROM people m) THEN 'shared with a member' END,
            CASE WHEN s.reason IS NOT NULL THEN format('reason: %s', s.reason) END,
            format('by %s', s.shared_by)) AS why) w
    WHERE s.unit IN (SELECT i.unit FROM inside i) OR s.unit IN (SELECT a.unit FROM above a)
       OR s.principal IN (SELECT m.principal FROM people m) OR p.units && ARRAY(SELECT i.unit FROM inside i)
$$;
COMMENT ON FUNCTION @extschema@.review_shares(text) IS
'Shares, planned ones included, of records that are in a unit or below it, and with those who are there.';
SELECT @extschema@.set_audience('review_shares(text)', 'internal');

-- Rows that nobody owns, or of units that nobody knows, of one protected table: (text, rows).
CREATE FUNCTION @extschema@.review_rows(plan @extschema@.protection, places text[]) RETURNS TABLE (why text, finding text)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    columns text := (SELECT string_agg(format('t.%I::text', u.name), ', ' ORDER BY u.n)
                     FROM jsonb_each_text(plan.units) WITH ORDINALITY u (key, name, n))
                    || CASE WHEN plan.owner_column IS NULL THEN '' ELSE format(', t.%I::text', plan.owner_column) END;
    owner_place integer := CASE WHEN plan.owner_column IS NOT NULL
                                THEN 1 + (SELECT count(*) FROM jsonb_object_keys(plan.units)) END;
    unowned bigint;
    unplaced bigint;
BEGIN
    SELECT coalesce(sum(g.rows) FILTER (WHERE g.unowned AND EXISTS (SELECT FROM unnest(g.units) x
                                                                    WHERE coalesce(x, plan.fallback_unit) = ANY (places))), 0),
           coalesce(sum(g.rows) FILTER (WHERE array_position(g.units, NULL) IS NOT NULL AND plan.fallback_unit = ANY (places)), 0)
    INTO unowned, unplaced
    FROM (SELECT (r ->> 0)::bigint AS rows, owner_place IS NOT NULL AND resolve_principal(r ->> owner_place) IS NULL AS unowned,
                 ARRAY(SELECT resolve_unit(r ->> u.n::integer, u.key) FROM jsonb_each_text(plan.units) WITH ORDINALITY u (key, name, n)) AS units
          FROM read_as_owner(plan.relation, format('SELECT pg_catalog.jsonb_build_array(pg_catalog.count(*), %1$s) FROM %2$s t GROUP BY %1$s',
                                                   columns, plan.relation)) r) g;
    IF unowned > 0 THEN
        RETURN QUERY SELECT format('rows of the unit without an owner: column %I is null or means nobody', plan.owner_column),
                            format('%s rows', unowned);
    END IF;
    IF unplaced > 0 THEN
        RETURN QUERY SELECT format('rows without a unit, which belong to %s', plan.fallback_unit), format('%s rows', unplaced);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.review_rows(@extschema@.protection, text[]) IS
'How many rows of a protected table are in the units and have no owner, or have no unit and fall to one of these. Reads the whole '
'table once.';
SELECT @extschema@.set_audience('review_rows(protection, text[])', 'internal');

-- All that there is to say about a unit now, as entries without a review.
CREATE FUNCTION @extschema@.review_entries(place text) RETURNS SETOF @extschema@.review_entry
    LANGUAGE sql STABLE PARALLEL UNSAFE COST 10000000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    WITH inside AS MATERIALIZED (SELECT b.unit FROM units_below(place) b),
    around AS MATERIALIZED (SELECT i.unit FROM inside i UNION SELECT a.unit FROM units_above(place) a),
    members AS MATERIALIZED (SELECT * FROM review_memberships(place)),
    shares AS MATERIALIZED (SELECT * FROM review_shares(place)),
    given AS (
        SELECT m.kind, m.principal, NULL AS team, m.unit, m.role, role_summary(m.roles, m.depths) AS privileges, NULL AS relation,
               NULL AS record_key, m.during, m.why, m.finding, m.id AS source
        FROM members m WHERE m.kind <> 'organisation'
        UNION ALL
        -- One entry for each role, not for each member of the firm: what reaches everything is a matter of the role.
        SELECT 'organisation', NULL, NULL, NULL, h.role, role_summary(ARRAY[h.role], '{organisation}'), NULL, NULL, NULL::tstzrange,
               format('role %s with depth organisation, held in other units by %s', h.role, count(*))
               || CASE WHEN count(*) <= 20 THEN ': ' || string_agg(h.principal, ', ' ORDER BY h.principal) ELSE '' END, NULL, NULL
        FROM (SELECT DISTINCT r.role, m.principal FROM members m CROSS JOIN LATERAL unnest(m.roles) AS r (role)
              WHERE m.kind = 'organisation'
                AND EXISTS (SELECT FROM role_privilege p WHERE p.role = r.role AND p.depth = 'organisation')) h
        GROUP BY h.role
        UNION ALL
        SELECT 'unit_role', NULL, NULL, u.unit, u.role, role_summary(ARRAY[u.role]), NULL, NULL, NULL,
               format('all members of %s, %s now', u.unit,
                      (SELECT count(DISTINCT m.principal) FROM membership m WHERE m.unit = u.unit AND m.during @> now())),
               CASE WHEN NOT EXISTS (SELECT FROM role_privilege p WHERE p.role = u.role) THEN 'grants nothing' END, NULL
        FROM unit_role u JOIN inside i ON i.unit = u.unit
        UNION ALL
        SELECT 'team', t.principal, t.team, NULL, NULL,
               role_summary(ARRAY(SELECT DISTINCT r FROM members m, unnest(m.roles) r WHERE m.principal = t.team)), NULL, NULL, t.during,
               format('member of team %s: %s', t.team, (
                   SELECT string_agg(x.why, '; ' ORDER BY x.why)
                   FROM (SELECT m.why FROM members m WHERE m.principal = t.team AND m.kind <> 'organisation'
                         UNION ALL SELECT format('record %s of %s', s.record_key, s.relation) FROM shares s WHERE s.principal = t.team) x)),
               review_principal(t.principal), t.id
        FROM team_member t
        WHERE NOT t.during << tstzrange(now(), NULL)
          AND (EXISTS (SELECT FROM members m WHERE m.principal = t.team AND m.kind <> 'organisation')
               OR EXISTS (SELECT FROM shares s WHERE s.principal = t.team))
        UNION ALL
        SELECT 'share', s.principal, NULL, s.unit, NULL, s.privileges, s.relation, s.record_key, s.during, s.why, s.finding, s.id
        FROM shares s
        UNION ALL
        SELECT 'denial', d.principal, NULL, d.unit, NULL, ARRAY[format('not %s on %s', d.privilege, d.object)], NULL, NULL,
               tstzrange(d.denied_at, NULL),
               format('denied %s, by %s', CASE WHEN d.unit IS NULL THEN 'everywhere' ELSE format('in %s and below', d.unit) END, d.denied_by)
               || coalesce('; reason: ' || d.reason, ''),
               review_principal(d.principal), d.id
        FROM denial d WHERE d.unit IS NULL OR d.unit IN (SELECT a.unit FROM around a)
        UNION ALL
        SELECT 'orphan', NULL, NULL, u.unit, NULL, '{}', NULL, NULL, NULL,
               format('unit %s has no member, and no unit above it has one', u.unit), 'nobody is responsible', NULL
        FROM unit u JOIN inside i ON i.unit = u.unit
        WHERE (u.until IS NULL OR u.until > now())
          AND NOT EXISTS (SELECT FROM units_above(u.unit) a JOIN membership m ON m.unit = a.unit WHERE m.during @> now())
        UNION ALL
        SELECT 'orphan', NULL, NULL, NULL, NULL, '{}', table_name(p.relation), NULL, NULL, r.why, r.finding, NULL
        FROM protection p CROSS JOIN LATERAL review_rows(p, ARRAY(SELECT i.unit FROM inside i)) r
    )
    SELECT NULL::bigint, NULL::bigint, g.kind, g.principal, p.name, g.team, g.unit, g.role, g.privileges, g.relation, g.record_key, lower(g.during),
           upper(g.during), g.why, g.finding, g.source, NULL::text, NULL::text, NULL::timestamptz,
           NULL::text, NULL::text
    FROM given g LEFT JOIN principal p ON p.principal = g.principal
    ORDER BY array_position(ARRAY['membership', 'unit_role', 'team', 'reach', 'organisation', 'share', 'denial', 'orphan'], g.kind),
             g.principal, g.team, g.unit, g.role, g.relation, g.record_key, g.source
$$;
COMMENT ON FUNCTION @extschema@.review_entries(text) IS
'Who can see what in a unit and below it, now, one row for each reason: memberships there, roles of units, teams, memberships '
'above that reach there, roles that reach everything, shares, denials, and what belongs to nobody.';
SELECT @extschema@.set_audience('review_entries(text)', 'internal');

CREATE FUNCTION @extschema@.start_access_review(unit text) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
DECLARE
    place unit := require_unit(start_access_review.unit);
    new_id bigint;
BEGIN
    IF NOT may_review(place.unit, 'create') THEN
        RAISE EXCEPTION 'you may not start an access review of unit "%"', place.unit USING ERRCODE = 'insufficient_privilege',
            HINT = 'It takes the privilege create on access, there and in all units below.';
    END IF;
    INSERT INTO review (unit, unit_name, started_by) VALUES (place.unit, place.name, asker_name()) RETURNING id INTO new_id;
    INSERT INTO review_entry (review, kind, principal, principal_name, team, unit, role, privileges, relation, record_key, since, until,
                              why, finding, source)
    SELECT new_id, e.kind, e.principal, e.principal_name, e.team, e.unit, e.role, e.privileges, e.relation, e.record_key, e.since,
           e.until, e.why, e.finding, e.source
    FROM review_entries(place.unit) e;
    RETURN new_id;
END
$$;
COMMENT ON FUNCTION @extschema@.start_access_review(text) IS
'Freezes who can see what in a unit and below it, for the view access_review, and returns the review''s id. For administrators and '
'whoever may create on access there. Reads each protected table once, to count rows that belong to nobody. '
'Example: SELECT start_access_review(''north'');';

-- Asked once for each review, not for each entry.
CREATE VIEW @extschema@.access_review WITH (security_barrier) AS
    SELECT r.id AS review, r.unit AS reviewed_unit, r.unit_name AS reviewed_name, r.started_at, r.started_by, e.id AS entry, e.kind,
           e.principal, e.principal_name, e.team, e.unit, e.role, e.privileges, e.relation, e.record_key, e.since, e.until, e.why,
           e.finding, e.verdict, e.decided_by, e.decided_at, e.comment, e.outcome, r.finished_at, r.finished_by, r.reason
    FROM (SELECT x.* FROM @extschema@.review x WHERE @extschema@.may_review(x.unit, 'read') OFFSET 0) r
    JOIN @extschema@.review_entry e ON e.review = r.id;
COMMENT ON VIEW @extschema@.access_review IS
'Access reviews, one row for each entry: what was frozen and what was decided. For administrators and whoever may read on access in '
'the reviewed unit and below it.';
COMMENT ON COLUMN @extschema@.access_review.kind IS
'membership (of the unit or below), unit_role (of all members of a unit), team (member of a team that has something here), reach '
'(membership above that reaches here), organisation (a role that members of other units have and that reaches everything), share, '
'denial, orphan (what belongs to nobody).';
COMMENT ON COLUMN @extschema@.access_review.finding IS 'What a reviewer should know; NULL where nothing is remarkable.';
COMMENT ON COLUMN @extschema@.access_review.outcome IS 'What the verdict did: confirmed, ended, or that it had ended or changed before.';
GRANT SELECT ON @extschema@.access_review TO PUBLIC;

CREATE FUNCTION @extschema@.review_status() RETURNS SETOF @extschema@.status_row
    LANGUAGE sql STABLE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT 'org', 'access reviews open', CASE WHEN min(r.started_at) < now() - interval '90 days' THEN 'warning' ELSE 'ok' END,
           count(*), min(r.started_at), NULL,
           CASE WHEN min(r.started_at) < now() - interval '90 days'
                THEN 'SELECT * FROM @extschema@.access_review WHERE verdict IS NULL; then finish_access_review(review).' END
    FROM review r WHERE r.finished_at IS NULL
    HAVING count(*) > 0
    UNION ALL
    SELECT 'org', 'entries of access reviews', 'ok', count(*), (SELECT min(r.started_at) FROM review r),
           'a log: nothing of it is deleted', NULL
    FROM review_entry e HAVING count(*) > 0
    UNION ALL
    SELECT 'org', 'past states of units', 'ok', count(*), min(p.began), 'reports as it was need them: nothing of it is deleted', NULL
    FROM unit_past p HAVING count(*) > 0
$$;
COMMENT ON FUNCTION @extschema@.review_status() IS 'For the view status: access reviews that wait, and what grows.';
SELECT @extschema@.set_audience('review_status()', 'admin');
INSERT INTO @extschema@.status_source (function_name, room) VALUES ('review_status', 'org');
