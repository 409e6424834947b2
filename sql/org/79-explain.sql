-- Why somebody may, or may not, do something with a record. The answer is given by the predicates of the policies; what is found
-- in the tables explains it, and must agree.

-- In PL/pgSQL, which keeps its plans, since one answer calls it for many rows.
CREATE FUNCTION @extschema@.unit_path_text(unit text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    path text;
    step record;
    next_key text := unit_path_text.unit;
BEGIN
    WHILE next_key IS NOT NULL LOOP
        SELECT u.name, u.parent INTO step FROM unit u WHERE u.unit = next_key;
        path := concat_ws(' / ', step.name, path);
        next_key := step.parent;
    END LOOP;
    RETURN path;
END
$$;
COMMENT ON FUNCTION @extschema@.unit_path_text(text) IS 'Names from the organisation down to a unit: Acme Ltd / Sales / Sales North.';

CREATE FUNCTION @extschema@.needed_privileges(privilege text) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    RETURN CASE WHEN privilege = ANY ('{read,create,total,story}') THEN ARRAY[privilege] ELSE ARRAY[privilege, 'read'] END;
COMMENT ON FUNCTION @extschema@.needed_privileges(text) IS 'What must be granted for a privilege: most reach no further than read.';

-- Where a record belongs: a unit for each hierarchy.
CREATE FUNCTION @extschema@.record_places(plan @extschema@.protection, facts jsonb)
    RETURNS TABLE (hierarchy text, unit text, above text[], says text)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 2 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT p.hierarchy, p.unit, ARRAY(SELECT a.unit FROM units_above(p.unit) a),
           format('column %s is %s: %sunit %s (%s)', p.name, coalesce(quote_literal(p.value), 'null'),
                  CASE WHEN p.meant IS NULL THEN 'fallback ' END, p.unit, unit_path_text(p.unit))
    FROM (SELECT u.key AS hierarchy, u.value AS name, facts -> 'columns' ->> u.value AS value, m AS meant, coalesce(m, plan.fallback_unit) AS unit
          FROM jsonb_each_text(plan.units) u, resolve_unit(facts -> 'columns' ->> u.value, u.key) m) p;
END
$$;
COMMENT ON FUNCTION @extschema@.record_places(@extschema@.protection, jsonb) IS
'For each hierarchy of a protected table the unit that a record belongs to, the units at and above it, and why, in words.';

-- Everything that speaks for or against, of one principal or of all: what holds now, did once or will.
CREATE FUNCTION @extschema@.access_evidence(plan @extschema@.protection, facts jsonb, privilege text, asked text DEFAULT NULL)
    RETURNS TABLE (principal text, kind text, need text, given text, hierarchy text, role text, team text, unit text, depth text,
                   during tstzrange, detail text)
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH place AS MATERIALIZED (SELECT * FROM record_places(plan, facts)),
         owner AS MATERIALIZED (SELECT resolve_principal(facts -> 'columns' ->> plan.owner_column) AS owner),
         held AS MATERIALIZED ( -- each role with what it gives of that which is needed
             SELECT h.*, n.need, g.privilege AS given, g.depth, format('%s on %s', g.privilege, g.object) AS grants
             FROM held_role h
             JOIN role_privilege g ON g.role = h.role AND g.object IN ('*', plan.object)
             JOIN unnest(needed_privileges(access_evidence.privilege)) n (need)
               ON g.privilege = n.need OR n.need IN ('total', 'story') AND g.privilege = 'read'
             WHERE asked IS NULL OR h.principal = asked)
    SELECT h.principal, 'role', h.need, h.given, p.hierarchy, h.role, h.team, h.unit, h.depth, h.during,
           format('%s, as %s of unit %s; %s', h.grants, CASE WHEN h.of_unit THEN 'role' ELSE 'member' END, h.unit, p.says)
    FROM held h JOIN place p ON CASE h.depth WHEN 'organisation' THEN true WHEN 'below' THEN h.unit = ANY (p.above)
                                             WHEN 'unit' THEN h.unit = p.unit ELSE false END
    UNION ALL
    SELECT h.principal, 'owner', h.need, h.given, NULL, h.role, coalesce(a.team, h.team), h.unit, h.depth, h.during * a.during,
           format('%s, on own rows; column %s is %L: owner %s', h.grants, plan.owner_column, facts -> 'columns' ->> plan.owner_column, o.owner)
    FROM owner o JOIN acting_principal a ON a.acts_as = o.owner JOIN held h ON h.principal = a.principal
    UNION ALL
    SELECT r.principal, 'share', access_evidence.privilege,
           CASE WHEN access_evidence.privilege = ANY ((r.share).privileges) THEN access_evidence.privilege END, NULL, NULL, r.team,
           coalesce((r.share).unit, r.via_unit), NULL, r.during,
           concat(array_to_string((r.share).privileges, ', '), ', shared by ', (r.share).shared_by, ' with ',
                  CASE WHEN (r.share).unit IS NULL THEN (r.share).principal ELSE 'unit ' || (r.share).unit END, ': ' || (r.share).reason)
    FROM record_shares(plan.relation, facts ->> 'key') r
    WHERE access_evidence.privilege <> 'create' AND (asked IS NULL OR r.principal = asked)
    UNION ALL
    SELECT a.principal, 'denial', d.privilege, d.privilege, p.hierarchy, NULL, a.team, d.unit, NULL, a.during,
           concat(denial_text(d.object, d.privilege, d.unit), ' is denied to ', d.principal, ': ' || d.reason, '; ' || p.says)
    FROM denial d JOIN acting_principal a ON a.acts_as = d.principal
    LEFT JOIN place p ON d.unit = ANY (p.above)
    WHERE d.object IN ('*', plan.object) AND (d.unit IS NULL OR p.unit IS NOT NULL) AND (asked IS NULL OR a.principal = asked)
      AND (d.privilege = access_evidence.privilege OR d.privilege = 'read' AND access_evidence.privilege <> 'create');
END
$$;
COMMENT ON FUNCTION @extschema@.access_evidence(@extschema@.protection, jsonb, text, text) IS
'What decides about access to a record, by the facts of find_record, of one principal or (asked NULL) of all: kind role (by a unit of '
'the row), owner, share or denial; need is the privilege that it bears upon, given the one that was granted or denied.';
SELECT @extschema@.set_audience('access_evidence(protection, jsonb, text, text)', 'internal');

-- The same with what follows from it. This is a second reading of the rules, only to be compared with the predicates'.
CREATE TYPE @extschema@.access_finding AS (principal text, kind text, need text, hierarchy text, role text, team text, unit text,
                                           depth text, during tstzrange, detail text, holds boolean, verdict boolean);
COMMENT ON TYPE @extschema@.access_finding IS
'One piece of evidence about access of a principal to a record, whether it holds now, and what follows from all of them.';
CREATE FUNCTION @extschema@.access_findings(plan @extschema@.protection, facts jsonb, privilege text, asked text DEFAULT NULL)
    RETURNS SETOF @extschema@.access_finding
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH evidence AS MATERIALIZED (
             SELECT e.*, coalesce(e.during @> statement_timestamp(), false) AND e.given IS NOT NULL AS active
             FROM access_evidence(plan, facts, access_findings.privilege, asked) e),
         wide AS MATERIALIZED ( -- total and story: those who have it by itself, and so do not depend on read
             SELECT DISTINCT h.principal FROM held_role h JOIN role_privilege g ON g.role = h.role
             WHERE access_findings.privilege IN ('total', 'story') AND g.privilege = access_findings.privilege
               AND g.object IN ('*', plan.object) AND h.during @> statement_timestamp()),
         denied AS MATERIALIZED (
             SELECT e.principal, e.hierarchy, e.given,
                    e.given = access_findings.privilege OR e.principal NOT IN (SELECT w.principal FROM wide w) AS wins
             FROM evidence e WHERE e.kind = 'denial' AND e.active),
         judged AS MATERIALIZED (
             SELECT e.*, e.active AND NOT (e.given <> e.need AND EXISTS ( -- by read, where read is denied
                        SELECT FROM denied d WHERE d.principal = e.principal AND d.given = 'read'
                          AND (d.hierarchy IS NULL OR e.hierarchy IS NULL OR d.hierarchy = e.hierarchy))) AS holds
             FROM evidence e),
         reached AS ( -- by units: all that is needed, in each hierarchy
             SELECT r.principal, r.hierarchy FROM judged r WHERE r.kind = 'role' AND r.holds
             GROUP BY 1, 2 HAVING count(DISTINCT r.need) = cardinality(needed_privileges(access_findings.privilege))),
         granted AS (
             SELECT r.principal FROM reached r GROUP BY 1
             HAVING plan.combine = 'any' OR count(*) = (SELECT count(*) FROM jsonb_object_keys(plan.units))
             UNION
             SELECT o.principal FROM judged o WHERE o.kind = 'owner' AND o.holds
             GROUP BY 1 HAVING count(DISTINCT o.need) = cardinality(needed_privileges(access_findings.privilege))
             UNION
             SELECT s.principal FROM judged s WHERE s.kind = 'share' AND s.holds)
    SELECT j.principal, j.kind, j.need, j.hierarchy, j.role, j.team, j.unit, j.depth, j.during, j.detail, j.holds,
           EXISTS (SELECT FROM granted g WHERE g.principal = j.principal)
           AND NOT EXISTS (SELECT FROM denied d WHERE d.principal = j.principal AND d.wins)
    FROM judged j;
END
$$;
COMMENT ON FUNCTION @extschema@.access_findings(@extschema@.protection, jsonb, text, text) IS
'access_evidence with whether each piece holds now, and what follows for its principal by the rules of docs/org.md.';
SELECT @extschema@.set_audience('access_findings(protection, jsonb, text, text)', 'internal');

CREATE FUNCTION @extschema@.raise_disagreement(principal text, relation pg_catalog.regclass, key text, privilege text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'the paths of principal "%" to record "%" of % do not explain what the policies decide about %', principal, key,
                    relation, privilege USING ERRCODE = 'internal_error',
        DETAIL = 'What the policies decide is what counts.', HINT = 'Please report it, with the roles and denials of that principal.';
END
$$;
COMMENT ON FUNCTION @extschema@.raise_disagreement(text, pg_catalog.regclass, text, text) IS
'Raises XX000: never an explanation of something else than what is decided.';

-- What stands in the way, in words.
CREATE FUNCTION @extschema@.missing_text(kind text, role text, team text, unit text, need text, during tstzrange, detail text)
    RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN CASE WHEN during @> statement_timestamp() THEN format('it gives no %s: %s', need, detail)
                ELSE concat(CASE WHEN kind = 'share' THEN 'the share' ELSE 'the membership' END,
                            CASE WHEN isempty(during) THEN ' and that of the team are never at the same time'
                                 WHEN lower(during) > statement_timestamp() THEN format(' begins on %s', lower(during))
                                 ELSE format(' ended on %s', upper(during)) END, ': ', detail) END;
COMMENT ON FUNCTION @extschema@.missing_text(text, text, text, text, text, tstzrange, text) IS
'Why a piece of evidence does not count now.';

CREATE FUNCTION @extschema@.explain_access(principal text, relation pg_catalog.regclass, key text, privilege text DEFAULT 'read')
    RETURNS TABLE (granted boolean, kind text, need text, role text, unit text, path text, depth text, team text, since timestamptz,
                   until timestamptz, detail text)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
DECLARE
    plan protection := require_protection(explain_access.relation);
    asked text;
    facts jsonb;
    verdict boolean;
    findings access_finding[];
BEGIN
    IF may_administer(plan.relation) THEN
        asked := (require_principal(explain_access.principal)).principal;
    ELSE
        asked := current_principal();
        IF asked IS NULL OR lower(btrim(explain_access.principal)) IS DISTINCT FROM lower(asked) THEN
            RAISE EXCEPTION 'only administrators and the owner of % may ask about others', plan.relation
                USING ERRCODE = 'insufficient_privilege', HINT = 'About yourself you may ask: whoami() says who you are.';
        END IF;
    END IF;
    PERFORM check_privilege(plan.object, explain_access.privilege);
    facts := require_readable(plan, explain_access.key);
    verdict := record_grants(plan, facts, explain_access.privilege, asked);
    findings := ARRAY(SELECT f FROM access_findings(plan, facts, explain_access.privilege, asked) f);
    IF verdict <> EXISTS (SELECT FROM unnest(findings) f WHERE f.verdict) THEN
        PERFORM raise_disagreement(asked, plan.relation, facts ->> 'key', explain_access.privilege);
    END IF;
    RETURN QUERY
    SELECT verdict, 'verdict', explain_access.privilege, NULL::text, NULL::text, NULL::text, NULL::text, NULL::text, NULL::timestamptz,
           NULL::timestamptz, format('%s has %s%s on record %s of %s', asked, CASE WHEN verdict THEN '' ELSE 'no ' END,
                                     explain_access.privilege, facts ->> 'key', plan.relation);
    RETURN QUERY
    WITH finding AS MATERIALIZED (SELECT * FROM unnest(findings)),
         line AS (
             SELECT f.kind <> 'denial' AS granted, f.kind, f.need, f.role, f.unit, f.depth, f.team, f.during, f.detail
             FROM finding f WHERE f.holds
             UNION
             SELECT false, 'missing', n.need, NULL, p.unit, NULL, NULL, NULL, format('no role gives %s on %s in unit %s; %s', n.need, plan.object, p.unit, p.says)
             FROM record_places(plan, facts) p, unnest(needed_privileges(explain_access.privilege)) n (need)
             WHERE NOT verdict
               AND NOT EXISTS (SELECT FROM finding f WHERE f.kind = 'role' AND f.need = n.need AND f.hierarchy = p.hierarchy AND f.holds)
               AND NOT (plan.combine = 'any' AND EXISTS ( -- another hierarchy has all that is needed: a denial stands in the way
                   SELECT FROM finding f WHERE f.kind = 'role' AND f.holds GROUP BY f.hierarchy
                   HAVING count(DISTINCT f.need) = cardinality(needed_privileges(explain_access.privilege))))
             UNION
             SELECT false, 'missing', f.need, f.role, f.unit, f.depth, f.team, f.during,
                    missing_text(f.kind, f.role, f.team, f.unit, f.need, f.during, f.detail)
             FROM finding f WHERE NOT verdict AND NOT f.holds AND f.kind <> 'denial')
    SELECT l.granted, l.kind, l.need, l.role, l.unit, unit_path_text(l.unit), l.depth, l.team, lower(l.during), upper(l.during), l.detail
    FROM line l
    ORDER BY array_position('{role,owner,share,denial,missing}', l.kind),
             array_position(needed_privileges(explain_access.privilege), l.need), l.role, l.unit, l.team, l.during, l.detail;
END
$$;
COMMENT ON FUNCTION @extschema@.explain_access(text, pg_catalog.regclass, text, text) IS
'Why a principal may or may not do something with a record of a protected table. The first row is the answer, by the policies'' own '
'predicates; then each path that grants (kind role, owner or share, with role, depth, team, unit of the membership and its path, since '
'and until when), each denial that takes it away, and where it is not granted what is missing (no role, a membership or share that '
'ended or begins later). need is the privilege that a row bears upon: most need read too. Administrators and the table''s owner ask '
'about anybody, others about themselves, for records that they may read: a hidden one is as one that does not exist (RM001). RM104 '
'where the table is not protected, 42501 for questions about others. '
'Example: SELECT * FROM explain_access(''anna'', ''public.deals'', ''17'', ''update'');';

CREATE FUNCTION @extschema@.who_can_access(relation pg_catalog.regclass, key text, privilege text DEFAULT 'read')
    RETURNS TABLE (principal text, kind text, role text, unit text, path text, depth text, team text, since timestamptz,
                   until timestamptz, detail text)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
DECLARE
    plan protection := require_protection(who_can_access.relation);
    facts jsonb;
    allowed text[];
    findings access_finding[];
    explained text[];
BEGIN
    PERFORM check_privilege(plan.object, who_can_access.privilege);
    facts := require_readable(plan, who_can_access.key);
    IF NOT may_administer(plan.relation) AND NOT record_grants(plan, facts, 'share', current_principal()) THEN
        RAISE EXCEPTION 'only administrators, the owner of % and those who may share the record may ask who can access it', plan.relation
            USING ERRCODE = 'insufficient_privilege', HINT = 'About yourself you may ask: explain_access.';
    END IF;
    allowed := record_verdicts(plan, facts, who_can_access.privilege, ARRAY(SELECT p.principal FROM principal p));
    findings := ARRAY(SELECT f FROM access_findings(plan, facts, who_can_access.privilege) f);
    explained := ARRAY(SELECT DISTINCT f.principal FROM unnest(findings) f WHERE f.verdict);
    IF NOT (allowed <@ explained AND explained <@ allowed) THEN
        PERFORM raise_disagreement(p, plan.relation, facts ->> 'key', who_can_access.privilege)
        FROM (SELECT unnest(allowed) EXCEPT SELECT unnest(explained)
              UNION ALL (SELECT unnest(explained) EXCEPT SELECT unnest(allowed))) d (p);
    END IF;
    RETURN QUERY
    WITH line AS MATERIALIZED (
             SELECT DISTINCT f.principal, f.kind, f.role, f.unit, f.depth, f.team, f.during, f.detail
             FROM unnest(findings) f
             WHERE f.verdict AND f.holds AND f.kind <> 'denial' AND f.need = who_can_access.privilege),
         named AS MATERIALIZED (SELECT u.unit, unit_path_text(u.unit) AS path FROM (SELECT DISTINCT l.unit FROM line l) u)
    SELECT l.principal, l.kind, l.role, l.unit, n.path, l.depth, l.team, lower(l.during), upper(l.during), l.detail
    FROM line l LEFT JOIN named n ON n.unit = l.unit
    ORDER BY 1, array_position('{role,owner,share}', l.kind), l.role, l.unit, l.team, l.during, l.detail;
END
$$;
COMMENT ON FUNCTION @extschema@.who_can_access(pg_catalog.regclass, text, text) IS
'Every principal that may do something with a record, with the paths that give it, as explain_access shows them. For administrators, '
'the table''s owner and those who have share on the record. Roles outside the rules (superusers, BYPASSRLS) are not listed: doctor() '
'names them. RM001 where the record does not exist or the caller may not read it.';
