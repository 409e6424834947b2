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

SELECT what || ': SECURITY DEFINER without a search_path of its own'
FROM routine
WHERE prosecdef AND NOT EXISTS (SELECT FROM unnest(proconfig) s WHERE s LIKE 'search_path=pg_catalog, %pg_temp')
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
      !~ '\m(caller|require_(owner|admin)\w*|visible|principal_visible|current_principal|is_audience|whoami|disown|check_adoption|may_\w+|not_yet|answer_handover|anchor_handover|action_bearer|readable_sources|handover_rows|require_customer|require_record|check_may_\w+|require_review_entry|explain_access|total_(transition|journey|property)|held_journey|funnel_stays|stage_reach|journey_scope|readable_transition|fact_query|access_terms|units_with_total|require_forecast|goal_rows|\w+_access)\(|\mFROM customer_record\M'
  AND proname <> ALL ('{default_zone,has_attribute,adopted_root,require_adopted,filling_of,object_of,
                       golden_relation,golden_plan,resolve_stage,stage_milestone,stage_kind,kpi_today,kpi_state,kept_state,require_kpi,home_currency,fiscal_month,rate_on,require_rate_set}')
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
