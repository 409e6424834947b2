-- Findings in the catalogue of an installed extension, one a row.
CREATE TEMP VIEW member AS
    SELECT d.classid, d.objid, pg_describe_object(d.classid, d.objid, 0) AS what
    FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
    WHERE e.extname = 'crm' AND d.deptype = 'e';

CREATE TEMP VIEW routine AS
    SELECT m.what, p.* FROM member m JOIN pg_proc p ON p.oid = m.objid WHERE m.classid = 'pg_proc'::regclass;

SELECT what || ': no comment'
FROM member m
WHERE classid IN ('pg_proc'::regclass, 'pg_class'::regclass, 'pg_type'::regclass, 'pg_opclass'::regclass)
  AND obj_description(objid, classid::regclass::text::name) IS NULL
  AND NOT EXISTS (SELECT FROM pg_class c WHERE m.classid = 'pg_class'::regclass AND c.oid = m.objid AND c.relkind IN ('S', 'i'))
  AND NOT EXISTS (SELECT FROM pg_type t WHERE m.classid = 'pg_type'::regclass AND t.oid = m.objid
                  AND (t.typelem <> 0 OR t.typrelid <> 0 AND (SELECT relkind FROM pg_class WHERE oid = t.typrelid) <> 'c'))
  AND NOT EXISTS (SELECT FROM pg_class c WHERE m.classid = 'pg_class'::regclass AND c.oid = m.objid AND c.relkind = 'c')
ORDER BY 1;

SELECT format('view crm_bi.%s: column %s: no comment', c.relname, a.attname)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'crm_bi') AND c.relkind = 'v' AND a.attnum > 0
  AND col_description(c.oid, a.attnum) IS NULL
ORDER BY 1;

-- What is looked up when it runs, and not when it was made: a body that is a text. Its path is its own, with nothing in it but the
-- system's schema, crm's and, last, where temporary objects lie: not named, those would come first. Functions without such a path write
-- every name in full; scripts/lint/names.pl reads them.
SELECT what || ': SECURITY DEFINER without a search_path of its own'
FROM routine
WHERE prosecdef AND NOT EXISTS (SELECT FROM unnest(proconfig) s WHERE s LIKE 'search_path=%')
ORDER BY 1;

SELECT format('%s: %s', what, s)
FROM routine, unnest(proconfig) s
WHERE s LIKE 'search\_path=%' AND s <> ALL ('{"search_path=pg_catalog, crm, pg_temp","search_path=pg_catalog, pg_temp"}')
ORDER BY 1;

SELECT what || ': its names are looked up by the path of whoever calls'
FROM routine
WHERE prolang IN (SELECT oid FROM pg_language WHERE lanname IN ('sql', 'plpgsql')) AND prosqlbody IS NULL
  AND NOT EXISTS (SELECT FROM unnest(proconfig) s WHERE s LIKE 'search\_path=%')
  AND NOT (prokind = 'p' AND proname IN ('backfill', 'resolve')) -- they commit, which a SET clause forbids
  AND oid <> 'crm.customer_of(regclass, text)'::regprocedure -- is inlined, which a SET clause forbids
ORDER BY 1;

-- Expressions that are kept parsed (views, defaults, checks, policies, conditions of indexes and triggers, bodies without quotes) found
-- their names when they were made. Whatever they found is the system's, which is not noted here, or of crm.
WITH RECURSIVE part AS (
    SELECT classid, objid FROM member
    UNION
    SELECT d.classid, d.objid FROM part p JOIN pg_depend d ON (d.refclassid, d.refobjid) = (p.classid, p.objid) AND d.deptype IN ('a', 'i'))
SELECT format('%s uses %s, which is neither the system''s nor of crm', pg_describe_object(d.classid, d.objid, d.objsubid),
              pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid))
FROM part p JOIN pg_depend d USING (classid, objid)
WHERE d.deptype <> 'e' AND d.refobjid >= 16384 AND NOT EXISTS (SELECT FROM part q WHERE (q.classid, q.objid) = (d.refclassid, d.refobjid))
  AND (d.refclassid, d.refobjid) NOT IN (SELECT 'pg_namespace'::regclass, oid FROM pg_namespace WHERE nspname IN ('crm', 'crm_bi')
                                         UNION ALL SELECT 'pg_language'::regclass, oid FROM pg_language WHERE lanname = 'plpgsql'
                                         UNION ALL SELECT 'pg_extension'::regclass, oid FROM pg_extension WHERE extname = 'crm')
ORDER BY 1;

-- Operators and casts between types of Postgres would change what others' queries mean where crm's schema is in their path.
SELECT pg_describe_object('pg_operator'::regclass, o.oid, 0) || ': takes nothing but types of Postgres'
FROM member m JOIN pg_operator o ON m.classid = 'pg_operator'::regclass AND o.oid = m.objid
WHERE NOT EXISTS (SELECT FROM pg_type t JOIN member k ON k.classid = 'pg_type'::regclass AND k.objid IN (t.oid, t.typelem)
                  WHERE t.oid IN (o.oprleft, o.oprright))
ORDER BY 1;

SELECT pg_describe_object('pg_cast'::regclass, c.oid, 0) || CASE c.castcontext WHEN 'i' THEN ': is implicit' ELSE ': has no type of crm' END
FROM member m JOIN pg_cast c ON m.classid = 'pg_cast'::regclass AND c.oid = m.objid
WHERE c.castcontext = 'i'
   OR NOT EXISTS (SELECT FROM member k WHERE k.classid = 'pg_type'::regclass AND k.objid IN (c.castsource, c.casttarget))
ORDER BY 1;

-- What is leakproof is asked of rows that the reader may not see. So it is C, cannot fail because of a value, and stands here.
SELECT what || ': marked LEAKPROOF'
FROM routine
WHERE proleakproof
  AND (prolang <> (SELECT oid FROM pg_language WHERE lanname = 'c')
       OR proname !~ '^(email|phone|stage|journey)_(eq|ne|lt|le|gt|ge|cmp|hash|hash_extended)$'
          AND proname <> ALL ('{email_local,email_domain,email_match_key,phone_calling_code,phone_extension,phone_match_key,iso_date,
                               jaro_winkler,token_similarity,monge_elkan,trigram_similarity,phonetic}'))
ORDER BY 1;

-- A view that anybody may read as its owner, and that leaves rows out by who asks, asks before the reader's own functions do.
SELECT m.what || ': filters by who asks without security_barrier'
FROM member m JOIN pg_class c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid
WHERE c.relkind = 'v' AND has_table_privilege('public', c.oid, 'SELECT')
  AND coalesce(array_to_string(c.reloptions, ','), '') !~ 'security_(barrier|invoker)=true'
  AND pg_get_viewdef(c.oid) ~ '\m(caller|visible|may_\w+|current_principal|record_access|units_with_total|is_audience|owned|shared)\('
ORDER BY 1;

-- PUBLIC changes nothing but through functions.
SELECT format('%s: PUBLIC may %s', m.what, a.privilege_type)
FROM member m JOIN pg_class c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid, aclexplode(c.relacl) a
WHERE a.grantee = 0 AND a.privilege_type <> 'SELECT'
UNION ALL
SELECT format('%s: PUBLIC may %s its column %s', m.what, a.privilege_type, t.attname)
FROM member m JOIN pg_attribute t ON m.classid = 'pg_class'::regclass AND t.attrelid = m.objid, aclexplode(t.attacl) a
WHERE a.grantee = 0 AND a.privilege_type <> 'SELECT'
UNION ALL
SELECT format('schema %s: PUBLIC may %s', n.nspname, a.privilege_type)
FROM pg_namespace n, aclexplode(n.nspacl) a WHERE n.nspname IN ('crm', 'crm_bi') AND a.grantee = 0 AND a.privilege_type <> 'USAGE'
ORDER BY 1;

SELECT format('%s: its audience is %s and PUBLIC may call it', r.what, f.audience)
FROM crm.function_audience f JOIN routine r ON r.oid = to_regprocedure('crm.' || f.signature)
WHERE has_function_privilege('public', r.oid, 'EXECUTE')
ORDER BY 1;

SELECT format('function_audience: there is no function %s', f.signature)
FROM crm.function_audience f WHERE to_regprocedure('crm.' || f.signature) IS NULL ORDER BY 1;

-- A definer's function that PUBLIC may call asks who calls, by name or through a function that does. Those in the list
-- show nothing but what anybody may know.
SELECT what || ': SECURITY DEFINER, open to PUBLIC, and asks nowhere who calls'
FROM routine
WHERE prosecdef AND has_function_privilege('public', oid, 'EXECUTE')
  AND prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
  AND prolang <> (SELECT oid FROM pg_language WHERE lanname = 'c')
  AND coalesce(prosrc || pg_get_function_sqlbody(oid), prosrc)
      !~ '\m(caller|require_(owner|admin)\w*|visible|principal_visible|current_principal|is_audience|whoami|disown|check_adoption|may_\w+|answer_handover|anchor_handover|action_bearer|readable_sources|handover_rows|require_customer|require_record|check_may_\w+|require_review_entry|explain_access|total_(transition|journey|property)|held_journey|funnel_stays|stage_reach|journey_scope|readable_transition|fact_query|access_terms|units_with_total|require_forecast|goal_rows|\w+_access)\(|\mFROM customer_record\M'
  AND proname <> ALL ('{default_zone,has_attribute,adopted_root,require_adopted,filling_of,object_of,
                       golden_relation,golden_plan,resolve_stage,stage_milestone,stage_kind,kpi_today,kpi_state,kept_state,require_kpi,home_currency,fiscal_month,rate_on,require_rate_set}')
ORDER BY 1;

-- The list of such functions in docs/security.md is what it says: each of them with its reason.
\set listed `sed -n '/^## Functions with the rights/,/^## Whose text/p' docs/security.md | grep -v '^| asks' | sed -n 's/^|.*| //p' | tr -cs 'a-z_0-9' ' '`
SELECT format('docs/security.md does not say why %s is open to PUBLIC', r.what)
FROM routine r
WHERE prosecdef AND has_function_privilege('public', oid, 'EXECUTE') AND proname <> ALL (string_to_array(:'listed', ' '))
UNION ALL
SELECT format('docs/security.md: %s is no SECURITY DEFINER function open to PUBLIC', l.name)
FROM unnest(string_to_array(trim(:'listed'), ' ')) l (name)
WHERE NOT EXISTS (SELECT FROM routine r WHERE r.proname = l.name AND r.prosecdef AND has_function_privilege('public', r.oid, 'EXECUTE'))
UNION ALL
SELECT format('docs/security.md lists %s twice', l.name) FROM unnest(string_to_array(trim(:'listed'), ' ')) l (name) GROUP BY l.name HAVING count(*) > 1
ORDER BY 1;

-- Whoever may call a trigger function may put it on a table of his own, with columns of types and casts of his own.
SELECT what || ': a definer''s trigger function that PUBLIC may put on any table'
FROM routine
WHERE prosecdef AND prorettype = 'trigger'::regtype AND has_function_privilege('public', oid, 'EXECUTE')
ORDER BY 1;

SELECT what || ': marked PARALLEL SAFE while it writes'
FROM routine
WHERE proparallel = 's' AND provolatile = 'v' AND prolang <> (SELECT oid FROM pg_language WHERE lanname = 'c')
  AND prosrc ~* '\m(insert into|update|delete from)\M'
ORDER BY 1;

-- A read of a team's table as its owner, or a write, below a parallel plan is refused when it is too late. Names in a text
-- are hints, or queries that the function only makes.
SELECT format('%s: calls %s, which is PARALLEL UNSAFE, and is not', r.what, u.proname)
FROM routine r
JOIN (SELECT proname FROM routine WHERE prokind <> 'p' GROUP BY proname HAVING bool_and(proparallel = 'u')) u
     ON regexp_replace(concat(r.prosrc, pg_get_function_sqlbody(r.oid)), '''[^'']*''|(\$\w+\$).*?\1', '', 'g') ~ ('\m' || u.proname || '\(')
WHERE r.proparallel <> 'u'
ORDER BY 1;

SELECT format('%s is readable by PUBLIC and shows a table of crm as its owner', m.what)
FROM member m JOIN pg_class c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid
WHERE c.relkind = 'm' AND c.relnamespace = 'crm_bi'::regnamespace
ORDER BY 1;
