-- Every catalogue entry of the extension as lines "kind TAB name TAB what it is", for comparing two databases: what an update leaves has
-- to be what a fresh install makes. Columns count by their order too: C reads some tables by position, and a new column of a table
-- therefore goes last in its part. What only lies in the schemas without being a member is listed as stray.
SET search_path = pg_catalog;
CREATE TEMPORARY VIEW home AS SELECT e.oid AS extension, e.extnamespace AS namespace FROM pg_extension e WHERE e.extname = 'crm';
CREATE TEMPORARY VIEW space AS SELECT n.oid, n.nspname FROM pg_namespace n WHERE n.oid = (SELECT h.namespace FROM home h) OR n.nspname = 'crm_bi';
CREATE TEMPORARY VIEW member AS SELECT d.classid, d.objid FROM pg_depend d JOIN home h ON d.refobjid = h.extension
    WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e';
-- Rights, where none are written those that such an object has by itself; and those that the script gave, which pg_dump leaves out.
CREATE FUNCTION pg_temp.rights(acl aclitem[], kind "char", owner oid, object oid, class regclass, part integer DEFAULT 0) RETURNS text LANGUAGE sql AS $$
    SELECT concat(' rights=', (SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM unnest(coalesce(acl, acldefault(kind, owner))) a),
                  ' given=', (SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM unnest(coalesce(
                      (SELECT i.initprivs FROM pg_init_privs i WHERE (i.objoid, i.classoid, i.objsubid) = (object, class, part)), acldefault(kind, owner))) a))
$$;
CREATE FUNCTION pg_temp.said(object oid, class regclass, part integer DEFAULT 0) RETURNS text LANGUAGE sql AS $$
    SELECT ' comment=' || (SELECT d.description FROM pg_description d WHERE (d.objoid, d.classoid, d.objsubid) = (object, class, part))
$$;
CREATE FUNCTION pg_temp.name_of(class regclass, object oid, part integer DEFAULT 0) RETURNS text LANGUAGE sql AS $$
    SELECT o.identity FROM pg_identify_object(class, object, part) o
$$;
CREATE TEMPORARY VIEW own_class AS SELECT c.* FROM pg_class c JOIN space s ON s.oid = c.relnamespace
    WHERE EXISTS (SELECT FROM member m WHERE (m.classid, m.objid) = ('pg_class'::regclass, c.oid));

CREATE TEMPORARY VIEW catalogue (kind, name, content) AS
SELECT 'extension', e.extname::text, concat(e.extnamespace::regnamespace, ' relocatable=', e.extrelocatable, pg_temp.said(e.oid, 'pg_extension'))
FROM pg_extension e JOIN home h ON h.extension = e.oid
UNION ALL
SELECT 'dumped table', c.oid::regclass::text, coalesce(k.condition, '') -- pg_extension_config_dump
FROM pg_extension e JOIN home h ON h.extension = e.oid, unnest(e.extconfig, e.extcondition) k (relation, condition) JOIN pg_class c ON c.oid = k.relation
UNION ALL
SELECT 'schema', s.nspname::text, concat(pg_temp.rights(n.nspacl, 'n', n.nspowner, n.oid, 'pg_namespace'), pg_temp.said(s.oid, 'pg_namespace')) FROM space s JOIN pg_namespace n USING (oid)
UNION ALL
SELECT 'function', pg_temp.name_of('pg_proc', p.oid), concat(p.prokind, ' ',
       CASE WHEN p.prokind = 'a' THEN (SELECT concat_ws(' ', g.aggkind, g.aggnumdirectargs, g.aggtransfn, g.aggfinalfn, g.aggcombinefn, g.aggserialfn,
            g.aggdeserialfn, g.aggmtransfn, g.aggminvtransfn, g.aggmfinalfn, g.aggfinalextra, g.aggmfinalextra, g.aggfinalmodify, g.aggmfinalmodify,
            g.aggsortop::regoper, g.aggtranstype::regtype, g.aggtransspace, g.aggmtranstype::regtype, 'init=' || g.agginitval, 'minit=' || g.aggminitval,
            p.provolatile, p.proparallel, p.procost, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid)) FROM pg_aggregate g WHERE g.aggfnoid = p.oid)
            ELSE pg_get_functiondef(p.oid) END,
       ' owner=', p.proowner::regrole, ' ', pg_temp.rights(p.proacl, 'f', p.proowner, p.oid, 'pg_proc'), pg_temp.said(p.oid, 'pg_proc'))
FROM pg_proc p JOIN member m ON (m.classid, m.objid) = ('pg_proc'::regclass, p.oid)
UNION ALL
SELECT 'operator', pg_temp.name_of('pg_operator', o.oid), concat_ws(' ', o.oprcode, o.oprresult::regtype, o.oprcom::regoperator, o.oprnegate::regoperator,
       o.oprrest, o.oprjoin, o.oprcanmerge, o.oprcanhash, pg_temp.said(o.oid, 'pg_operator'))
FROM pg_operator o JOIN member m ON (m.classid, m.objid) = ('pg_operator'::regclass, o.oid)
UNION ALL
SELECT 'operator class', pg_temp.name_of('pg_opclass', o.oid), concat_ws(' ', o.opcintype::regtype, o.opckeytype::regtype, o.opcdefault,
       pg_temp.name_of('pg_opfamily', o.opcfamily), pg_temp.said(o.oid, 'pg_opclass'))
FROM pg_opclass o JOIN member m ON (m.classid, m.objid) = ('pg_opclass'::regclass, o.oid)
UNION ALL
SELECT 'operator family', pg_temp.name_of('pg_opfamily', f.oid), concat(
       (SELECT string_agg(concat_ws(' ', a.amopstrategy, a.amoppurpose, a.amopopr::regoperator), ', ' ORDER BY a.amoplefttype::regtype::text,
        a.amoprighttype::regtype::text, a.amopstrategy) FROM pg_amop a WHERE a.amopfamily = f.oid), ' | ',
       (SELECT string_agg(concat_ws(' ', a.amprocnum, a.amproc::regprocedure), ', ' ORDER BY a.amproclefttype::regtype::text,
        a.amprocrighttype::regtype::text, a.amprocnum) FROM pg_amproc a WHERE a.amprocfamily = f.oid), pg_temp.said(f.oid, 'pg_opfamily'))
FROM pg_opfamily f JOIN member m ON (m.classid, m.objid) = ('pg_opfamily'::regclass, f.oid)
UNION ALL
SELECT 'cast', pg_temp.name_of('pg_cast', c.oid), concat_ws(' ', nullif(c.castfunc, 0)::regprocedure, c.castcontext, c.castmethod, pg_temp.said(c.oid, 'pg_cast'))
FROM pg_cast c JOIN member m ON (m.classid, m.objid) = ('pg_cast'::regclass, c.oid)
UNION ALL
SELECT 'type', t.oid::regtype::text, concat_ws(' ', t.typtype, t.typlen, t.typbyval, t.typcategory, t.typispreferred, t.typdelim, t.typinput, t.typoutput,
       t.typreceive, t.typsend, t.typmodin, t.typmodout, t.typanalyze, t.typsubscript, t.typalign, t.typstorage, t.typnotnull, nullif(t.typbasetype, 0)::regtype,
       t.typtypmod, nullif(t.typcollation, 0)::regcollation, 'default=' || t.typdefault, pg_temp.rights(t.typacl, 'T', t.typowner, t.oid, 'pg_type'),
       (SELECT 'labels=' || string_agg(l.enumlabel, ',' ORDER BY l.enumsortorder) FROM pg_enum l WHERE l.enumtypid = t.oid),
       (SELECT 'range=' || concat_ws(' ', g.rngsubtype::regtype, g.rngcollation::regcollation, g.rngcanonical, g.rngsubdiff) FROM pg_range g WHERE g.rngtypid = t.oid),
       pg_temp.said(t.oid, 'pg_type'))
FROM pg_type t JOIN member m ON (m.classid, m.objid) = ('pg_type'::regclass, t.oid)
UNION ALL
SELECT 'relation', c.oid::regclass::text, concat_ws(' ', c.relkind, c.relpersistence, c.relreplident, c.relrowsecurity, c.relforcerowsecurity, c.relispartition,
       nullif(c.reloftype, 0)::regtype, (SELECT a.amname FROM pg_am a WHERE a.oid = c.relam), array_to_string(c.reloptions, ','),
       (SELECT 'toast=' || array_to_string(x.reloptions, ',') FROM pg_class x WHERE x.oid = c.reltoastrelid), 'owner=' || c.relowner::regrole,
       pg_temp.rights(c.relacl, CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner, c.oid, 'pg_class'), pg_temp.said(c.oid, 'pg_class'),
       CASE WHEN c.relkind = 'v' THEN pg_get_viewdef(c.oid) END)
FROM own_class c
UNION ALL
SELECT 'column', c.oid::regclass || '.' || a.attname, concat_ws(' ', row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum), format_type(a.atttypid, a.atttypmod),
       nullif(a.attcollation, 0)::regcollation, a.attnotnull, a.attidentity, a.attgenerated, a.attstorage, a.attcompression, coalesce(a.attstattarget, -1), (SELECT string_agg(o, ',') FROM unnest(a.attoptions) o WHERE o LIKE 'n\_distinct%'),
       'default=' || (SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d WHERE (d.adrelid, d.adnum) = (a.attrelid, a.attnum)),
       pg_temp.rights(a.attacl, 'c', c.relowner, c.oid, 'pg_class', a.attnum), pg_temp.said(c.oid, 'pg_class', a.attnum))
FROM pg_class c JOIN space s ON s.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE EXISTS (SELECT FROM own_class o WHERE o.oid = c.oid AND c.relkind <> 'S')
   OR c.relkind = 'c' AND EXISTS (SELECT FROM member m WHERE (m.classid, m.objid) = ('pg_type'::regclass, c.reltype))
UNION ALL
SELECT 'sequence', c.oid::regclass::text, concat_ws(' ', q.seqtypid::regtype, q.seqstart, q.seqincrement, q.seqmin, q.seqmax, q.seqcache, q.seqcycle,
       (SELECT 'of=' || pg_temp.name_of(d.refclassid::regclass, d.refobjid, d.refobjsubid) FROM pg_depend d
        WHERE (d.classid, d.objid) = ('pg_class'::regclass, c.oid) AND d.deptype IN ('a', 'i') AND d.refclassid = 'pg_class'::regclass))
FROM own_class c JOIN pg_sequence q ON q.seqrelid = c.oid
UNION ALL
SELECT 'constraint', coalesce(n.conrelid::regclass::text, n.contypid::regtype::text) || ' ' || n.conname, concat_ws(' ', n.contype, pg_get_constraintdef(n.oid), n.convalidated,
       n.condeferrable, n.condeferred, n.connoinherit, pg_temp.said(n.oid, 'pg_constraint'))
FROM pg_constraint n
-- NOT NULL stands with the column: since 18 it has a name, and after pg_upgrade from before another one than LIKE gives it
WHERE n.contype <> 't' AND (n.contype <> 'n' OR n.conrelid = 0) AND (n.conrelid IN (SELECT c.oid FROM own_class c) OR n.contypid IN (SELECT m.objid FROM member m WHERE m.classid = 'pg_type'::regclass))
UNION ALL
SELECT 'index', i.indexrelid::regclass::text, concat_ws(' ', pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisclustered, i.indisreplident, pg_temp.said(i.indexrelid, 'pg_class'))
FROM pg_index i JOIN own_class c ON c.oid = i.indrelid
UNION ALL
SELECT 'trigger', t.tgrelid::regclass || ' ' || t.tgname, concat_ws(' ', pg_get_triggerdef(t.oid), t.tgenabled, pg_temp.said(t.oid, 'pg_trigger'))
FROM pg_trigger t JOIN own_class c ON c.oid = t.tgrelid WHERE NOT t.tgisinternal
UNION ALL
SELECT 'policy', p.polrelid::regclass || ' ' || p.polname, concat_ws(' ', p.polcmd, p.polpermissive, (SELECT string_agg(CASE r WHEN 0 THEN 'PUBLIC' ELSE r::regrole::text END, ',' ORDER BY r)
       FROM unnest(p.polroles) r), pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid), pg_temp.said(p.oid, 'pg_policy'))
FROM pg_policy p JOIN own_class c ON c.oid = p.polrelid
UNION ALL
SELECT 'rule', r.ev_class::regclass || ' ' || r.rulename, concat_ws(' ', pg_get_ruledef(r.oid), r.ev_enabled) FROM pg_rewrite r JOIN own_class c ON c.oid = r.ev_class WHERE r.rulename <> '_RETURN'
UNION ALL
SELECT 'statistics', x.stxrelid::regclass || ' ' || x.stxname, pg_get_statisticsobjdef(x.oid) FROM pg_statistic_ext x JOIN own_class c ON c.oid = x.stxrelid
UNION ALL
SELECT 'event trigger', e.evtname::text, concat_ws(' ', e.evtevent, e.evtenabled, e.evtfoid::regprocedure, array_to_string(e.evttags, ','), pg_temp.said(e.oid, 'pg_event_trigger'))
FROM pg_event_trigger e JOIN member m ON (m.classid, m.objid) = ('pg_event_trigger'::regclass, e.oid)
UNION ALL
SELECT 'default privileges', concat_ws(' ', d.defaclrole::regrole, s.nspname, d.defaclobjtype), array_to_string(d.defaclacl, ' ')
FROM pg_default_acl d JOIN space s ON s.oid = d.defaclnamespace
UNION ALL
SELECT 'member', pg_temp.name_of(m.classid::regclass, m.objid), m.classid::regclass::text FROM member m
UNION ALL -- a function, relation, type ... in the schemas that is no member, and follows from none
SELECT 'stray', pg_temp.name_of(d.classid::regclass, d.objid), d.classid::regclass::text
FROM pg_depend d JOIN space s ON s.oid = d.refobjid
WHERE d.refclassid = 'pg_namespace'::regclass AND d.deptype = 'n' AND d.objid <> (SELECT h.extension FROM home h)
  AND NOT EXISTS (SELECT FROM member m WHERE (m.classid, m.objid) = (d.classid, d.objid))
  AND NOT EXISTS (SELECT FROM pg_depend i WHERE (i.classid, i.objid) = (d.classid, d.objid) AND i.deptype IN ('i', 'a', 'P', 'S', 'x'));
