-- The configuration as one document: sections of entries, an entry being the arguments of the call that makes it. Rooms say what their
-- sections are; nothing here knows any of them.
CREATE TABLE @extschema@.config_section (
    section text PRIMARY KEY,
    room text NOT NULL,
    "position" integer NOT NULL UNIQUE,
    key text[] NOT NULL,
    entries text NOT NULL,
    put text NOT NULL,
    change text,
    remove text
);
COMMENT ON TABLE @extschema@.config_section IS
'What export_config writes and apply_config reads, in order of position: a query for the entries, whose columns are the arguments of the '
'function put; key: the columns that tell entries apart; change: what to SELECT with what is there ($1) and what shall be ($2), where put is '
'not for what is there already; remove: what to SELECT with the entry ($1), where it can be taken away. Shipped.';

CREATE FUNCTION @extschema@.config_entries(section @extschema@.config_section)
    RETURNS TABLE (key jsonb, entry jsonb) LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100
    SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        'SELECT config_key(x.e, $1), x.e FROM (SELECT present_fields(to_jsonb(q)) AS e FROM (%s) q) x ORDER BY 1', section.entries)
    USING section.key;
END
$$;
COMMENT ON FUNCTION @extschema@.config_entries(@extschema@.config_section) IS 'The entries of a section, by their keys.';

CREATE FUNCTION @extschema@.present_fields(entry jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT coalesce(jsonb_object_agg(f.key, f.value), '{}') FROM jsonb_each(entry) f WHERE f.value <> 'null');
COMMENT ON FUNCTION @extschema@.present_fields(jsonb) IS 'An entry without the fields that are null.';

CREATE FUNCTION @extschema@.null_fields(entry jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT coalesce(jsonb_object_agg(f, NULL), '{}') FROM jsonb_object_keys(entry) f);
COMMENT ON FUNCTION @extschema@.null_fields(jsonb) IS 'An entry with the same fields, all null.';

CREATE FUNCTION @extschema@.config_key(entry jsonb, key text[]) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT coalesce(jsonb_agg(coalesce(entry -> k, 'null') ORDER BY n), '[]') FROM unnest(key) WITH ORDINALITY u (k, n));
COMMENT ON FUNCTION @extschema@.config_key(jsonb, text[]) IS 'What tells an entry from the others of its section.';

CREATE FUNCTION @extschema@.export_config() RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO' SET intervalstyle = 'postgres' AS $$
BEGIN
    RETURN (SELECT coalesce(jsonb_object_agg(s.section, l.entries), '{}')
            FROM config_section s, LATERAL (SELECT jsonb_agg(e.entry ORDER BY e.key) AS entries FROM config_entries(s) e) l
            WHERE l.entries IS NOT NULL);
END
$$;
COMMENT ON FUNCTION @extschema@.export_config() IS
'The whole configuration as one JSON document: for each section (units, roles, adoptions, kpis, rules ...) the list of its entries, an entry '
'being the arguments of the call that makes it. Neither records nor numbers are in it, and no secret: endpoints name theirs (secret_ref). '
'The same configuration gives the same document. Example: SELECT jsonb_pretty(crm.export_config());';
SELECT @extschema@.set_audience('export_config()', 'admin');

-- The single function of that name, its arguments by their names.
CREATE FUNCTION @extschema@.config_call(function_name text, arguments jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    routine pg_proc;
    given text;
    typed text;
BEGIN
    SELECT * INTO STRICT routine FROM pg_proc p WHERE p.pronamespace = '@extschema@'::regnamespace AND p.proname = function_name;
    SELECT string_agg(format('%1$I => x.%1$I', a.name), ', '), string_agg(format('%I %s', a.name, format_type(a.type, NULL)), ', ')
    INTO given, typed
    FROM unnest(routine.proargnames[1:routine.pronargs], routine.proargtypes::oid[]) WITH ORDINALITY a (name, type, n)
    WHERE arguments ? a.name OR a.n <= routine.pronargs - routine.pronargdefaults;
    EXECUTE CASE WHEN given IS NULL THEN format('SELECT count(*) FROM %I()', function_name)
                 ELSE format('SELECT count(*) FROM jsonb_to_record($1) AS x (%s), %I(%s)', typed, function_name, given) END
    USING arguments;
END
$$;
COMMENT ON FUNCTION @extschema@.config_call(text, jsonb) IS 'Calls a function of crm with the arguments that are given by name; what it returns is dropped.';
SELECT @extschema@.set_audience('config_call(text, jsonb)', 'internal');

CREATE FUNCTION @extschema@.config_fields(section @extschema@.config_section) RETURNS text[]
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    routine regproc := format('@extschema@.%I', section.put)::regproc;
BEGIN
    RETURN ARRAY(SELECT a.name FROM pg_proc p, unnest(p.proargnames[1:p.pronargs]) a (name) WHERE p.oid = routine AND a.name <> 'lock_timeout');
END
$$;
COMMENT ON FUNCTION @extschema@.config_fields(@extschema@.config_section) IS 'The fields that an entry of a section may have.';

-- What of an entry differs from what is there, as {field: [is, shall be]}; fields that it does not name may be as they are.
CREATE FUNCTION @extschema@.config_difference(present jsonb, wanted jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT jsonb_object_agg(w.key, jsonb_build_array(present -> w.key, w.value))
            FROM jsonb_each(wanted) w WHERE coalesce(present -> w.key, 'null') <> w.value);
COMMENT ON FUNCTION @extschema@.config_difference(jsonb, jsonb) IS 'Fields of an entry that are other than they are, as {field: [is, shall be]}; NULL: none.';

-- Of a list of things with keys, such as the stages of a funnel, nobody wants to read what is the same.
CREATE FUNCTION @extschema@.list_beyond(list jsonb, other jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT coalesce(jsonb_agg(CASE WHEN o IS NULL THEN e ELSE jsonb_build_object('key', e -> 'key') ||
                                           (SELECT coalesce(jsonb_object_agg(f.key, f.value), '{}') FROM jsonb_each(e) f WHERE f.value IS DISTINCT FROM o -> f.key) END ORDER BY n), '[]')
            FROM jsonb_array_elements(list) WITH ORDINALITY l (e, n) LEFT JOIN jsonb_array_elements(other) o ON o -> 'key' = e -> 'key'
            WHERE e IS DISTINCT FROM o);
COMMENT ON FUNCTION @extschema@.list_beyond(jsonb, jsonb) IS 'Of a list of objects with keys those that another list does not have so, each with its key and what is other.';

CREATE FUNCTION @extschema@.shown_difference(difference jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT jsonb_object_agg(d.key, CASE WHEN d.value @? '$[0][*].key' AND d.value @? '$[1][*].key'
                                                THEN jsonb_build_array(list_beyond(d.value -> 0, d.value -> 1), list_beyond(d.value -> 1, d.value -> 0)) ELSE d.value END)
            FROM jsonb_each(difference) d);
COMMENT ON FUNCTION @extschema@.shown_difference(jsonb) IS 'A difference as apply_config shows it: of lists of objects with keys only those that differ, and in what.';

CREATE FUNCTION @extschema@.config_put(section @extschema@.config_section, present jsonb, wanted jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF present IS NULL THEN
        PERFORM config_call(section.put, wanted);
    ELSIF section.change IS NULL THEN
        PERFORM config_call(section.put, present || wanted);
    ELSE
        EXECUTE 'SELECT ' || section.change USING present, wanted;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.config_put(@extschema@.config_section, jsonb, jsonb) IS 'Makes an entry, or changes the one that is there.';

CREATE TYPE @extschema@.config_step AS (section text, key jsonb, action text, detail jsonb);
COMMENT ON TYPE @extschema@.config_step IS 'What apply_config did, or found: an entry by its section and key, add, change, remove or extra, and the entry or its difference.';

-- Entries may need others of their section, whatever their order: what failed is tried again as long as others came to be.
CREATE FUNCTION @extschema@.apply_section(section @extschema@.config_section, wanted jsonb)
    RETURNS SETOF @extschema@.config_step LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 100
    SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
DECLARE
    before CONSTANT jsonb := (SELECT jsonb_object_agg(e.key::text, e.entry) FROM config_entries(section) e);
    document jsonb;
    twice text;
    waiting jsonb;
    failed jsonb;
    now_there jsonb;
    e record;
    state text;
    message text;
    more text;
    hint text;
BEGIN
    SELECT min(k.key) FILTER (WHERE k.times > 1), coalesce(jsonb_object_agg(k.key, k.entry), '{}') INTO twice, document
    FROM (SELECT config_key(w.value, section.key)::text AS key, count(*) AS times, (array_agg(w.value))[1] AS entry
          FROM jsonb_array_elements(wanted) w GROUP BY 1) k;
    IF twice IS NOT NULL THEN
        RAISE EXCEPTION 'section "%" of the configuration names % twice', section.section, twice USING ERRCODE = 'RM005';
    END IF;
    waiting := document;
    WHILE waiting <> '{}' LOOP
        failed := '{}';
        FOR e IN SELECT w.key, w.value AS entry FROM jsonb_each(waiting) w LOOP
            CONTINUE WHEN before ? e.key AND config_difference(before -> e.key, e.entry) IS NULL;
            BEGIN
                PERFORM config_put(section, before -> e.key, e.entry);
            EXCEPTION WHEN OTHERS THEN
                GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, more = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
                failed := failed || jsonb_build_object(e.key, e.entry);
            END;
        END LOOP;
        IF failed = waiting THEN
            RAISE EXCEPTION USING ERRCODE = state, MESSAGE = message, HINT = coalesce(nullif(hint, ''), 'Nothing of the document was applied.'),
                DETAIL = concat_ws(' ', nullif(more, ''), format('In section "%s", entries: %s.', section.section, (SELECT string_agg(k, ', ') FROM jsonb_object_keys(failed) k)));
        END IF;
        waiting := failed;
    END LOOP;
    now_there := (SELECT jsonb_object_agg(e.key::text, e.entry) FROM config_entries(section) e);
    RETURN QUERY
    SELECT section.section, k.key::jsonb, CASE WHEN before ? k.key THEN CASE WHEN now_there ? k.key THEN 'change' ELSE 'remove' END ELSE 'add' END,
           CASE WHEN before ? k.key THEN shown_difference(config_difference(before -> k.key, null_fields(before -> k.key) || (now_there -> k.key)))
                ELSE now_there -> k.key END
    FROM (SELECT jsonb_object_keys(before) UNION SELECT jsonb_object_keys(now_there)) k (key)
    WHERE before -> k.key IS DISTINCT FROM now_there -> k.key
    ORDER BY 2;
    RETURN QUERY
    SELECT section.section, k.key::jsonb, 'extra', before -> k.key FROM jsonb_object_keys(before) k (key)
    WHERE now_there ? k.key AND NOT document ? k.key ORDER BY 2;
END
$$;
COMMENT ON FUNCTION @extschema@.apply_section(@extschema@.config_section, jsonb) IS
'Makes the entries of a section what they shall be; returns what is other than before (add, change), and what the document does not name (extra).';

-- What an entry may be called, and that it is whole.
CREATE FUNCTION @extschema@.check_config(config jsonb) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    s config_section;
    fields text[];
    part record;
    entry jsonb;
BEGIN
    IF config IS NULL OR jsonb_typeof(config) <> 'object' THEN
        RAISE EXCEPTION 'a configuration is a JSON object' USING ERRCODE = 'RM005', HINT = 'SELECT jsonb_pretty(export_config()) shows its form.';
    END IF;
    FOR part IN SELECT c.key AS section, c.value AS entries FROM jsonb_each(config) c LOOP
        SELECT * INTO s FROM config_section x WHERE x.section = part.section;
        IF NOT FOUND THEN
            PERFORM raise_unknown('section of the configuration', part.section, ARRAY(SELECT x.section FROM config_section x));
        ELSIF jsonb_typeof(part.entries) <> 'array' OR EXISTS (SELECT FROM jsonb_array_elements(part.entries) e WHERE jsonb_typeof(e) <> 'object') THEN
            RAISE EXCEPTION 'section "%" of the configuration is no list of objects', part.section USING ERRCODE = 'RM005';
        END IF;
        fields := config_fields(s);
        FOR entry IN SELECT jsonb_array_elements(part.entries) LOOP
            PERFORM raise_unknown(format('field of section "%s"', part.section), k, fields) FROM jsonb_object_keys(entry) k WHERE k <> ALL (fields);
        END LOOP;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.check_config(jsonb) IS 'Raises RM001 or RM005 unless a document has only sections, entries and fields that there are.';

-- A dry run does all of it and takes it back, so that what it says is what would happen.
CREATE FUNCTION @extschema@.apply_config(config jsonb, dry_run boolean DEFAULT false, remove_extra boolean DEFAULT false)
    RETURNS TABLE (path text, action text, detail text)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 100
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO' SET intervalstyle = 'postgres' AS $$
DECLARE
    s config_section;
    steps config_step[] := '{}';
BEGIN
    PERFORM check_config(config);
    BEGIN
        FOR s IN SELECT * FROM config_section x WHERE config ? x.section ORDER BY x."position" LOOP
            steps := steps || ARRAY(SELECT a FROM apply_section(s, config -> s.section) a);
        END LOOP;
        IF remove_extra THEN
            FOR s IN SELECT * FROM config_section x WHERE config ? x.section AND x.remove IS NOT NULL ORDER BY x."position" DESC LOOP
                FOR n IN 1 .. cardinality(steps) LOOP
                    CONTINUE WHEN (steps[n].section, steps[n].action) <> (s.section, 'extra');
                    EXECUTE 'SELECT ' || s.remove USING steps[n].detail;
                    steps[n].action := 'remove';
                END LOOP;
            END LOOP;
        END IF;
        IF dry_run THEN
            RAISE EXCEPTION USING ERRCODE = 'DRYRN', MESSAGE = 'the dry run is over';
        END IF;
    EXCEPTION WHEN SQLSTATE 'DRYRN' THEN
        NULL; -- what was done is taken back, and what it would have been is known
    END;
    RETURN QUERY
    SELECT concat_ws(' ', t.section, (SELECT string_agg(k, ', ') FROM jsonb_array_elements_text(t.key) k)), t.action, t.detail::text
    FROM unnest(steps) t;
END
$$;
COMMENT ON FUNCTION @extschema@.apply_config(jsonb, boolean, boolean) IS
'Makes the configuration what a document of export_config says, in one transaction: what is missing is added, what is other is changed; sections '
'and fields that the document does not have stay as they are. Entries beyond those of a section are listed as extra, and removed with '
'remove_extra where that can be done. dry_run does it and takes it back. Returns what is other than it was: path (section and key), action '
'(add, change, remove, extra), detail (the entry, or of a change {field: [was, is]}); no row: nothing to do. Errors: RM001 with the nearest '
'name, RM005, and those of the calls; then nothing was done. Example: SELECT * FROM crm.apply_config(:''document'', dry_run => true);';
SELECT @extschema@.set_audience('apply_config(jsonb, boolean, boolean)', 'admin');

CREATE FUNCTION @extschema@.refuse_change(present jsonb, wanted jsonb) RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'what is there already cannot be changed so by a document'
        USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = format('It would be other in: %s.', config_difference(present, wanted)),
                  HINT = 'Write into the document what is there, or take it away by its own function and apply the document again.';
END
$$;
COMMENT ON FUNCTION @extschema@.refuse_change(jsonb, jsonb) IS 'change of a section whose entries are not changed once they are there.';

-- A mapping can be typed in several ways, so it is compared as it was understood.
CREATE FUNCTION @extschema@.change_adoption(present jsonb, wanted jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    adopted CONSTANT adoption := require_adopted((present ->> 'relation')::regclass);
    other jsonb := config_difference(present, wanted);
    mapped jsonb;
BEGIN
    IF other ? 'columns' THEN
        mapped := (SELECT jsonb_object_agg(attribute, jsonb_build_array(t.typed, c.typed))
                   FROM (SELECT t.attribute, jsonb_build_array(t.expression, t.reference::oid) AS said, present #> ARRAY['columns', t.attribute] AS typed
                         FROM adoption_attribute t WHERE t.relation = adopted.relation) t
                   FULL JOIN (SELECT k.attribute, jsonb_build_array(k.mapping, k.reference::oid) AS said, wanted #> ARRAY['columns', k.attribute] AS typed
                              FROM check_columns(adopted.relation, adopted.entity, adopted.zone, wanted -> 'columns') k) c USING (attribute)
                   WHERE t.said IS DISTINCT FROM c.said);
        other := CASE WHEN mapped IS NULL THEN other - 'columns' ELSE other || jsonb_build_object('columns', mapped) END;
    END IF;
    IF other <> '{}' THEN
        RAISE EXCEPTION 'table % is adopted otherwise than the document says', adopted.relation
            USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = format('It would be other in: %s.', other),
                  HINT = format('Type SELECT @extschema@.disown(%L); and apply the document again: it is adopted anew, its rows are read again, and its history of '
                                'stages begins anew. Or write into the document what is there.', adopted.relation::text);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.change_adoption(jsonb, jsonb) IS
'change of the section adoptions: what is adopted stays as it is; 55000 where a document says otherwise, with what is other.';
SELECT @extschema@.set_audience('change_adoption(jsonb, jsonb)', 'internal');

INSERT INTO @extschema@.config_section (section, room, "position", key, entries, put, change, remove) VALUES
    ('calendars', 'base', 10, '{key}', 'SELECT calendar AS key, zone, hours FROM calendar', 'set_calendar', NULL, NULL),
    ('holidays', 'base', 20, '{calendar,day}', 'SELECT calendar, day, name FROM holiday', 'add_holiday', NULL, NULL),
    ('fiscal_year', 'base', 30, '{}', 'SELECT fiscal_month AS first_month FROM finance_setting', 'set_fiscal_year', NULL, NULL),
    ('home_currency', 'base', 40, '{}', 'SELECT home_currency AS currency FROM finance_setting WHERE home_currency IS NOT NULL', 'set_home_currency', NULL, NULL),
    ('rate_bases', 'base', 50, '{rate_set}', 'SELECT rate_set, base FROM rate_base', 'set_rate_base', NULL, NULL),
    ('adoptions', 'base', 310, '{relation}', $q$
        SELECT table_name(a.relation) AS relation, a.entity, a.department, a.zone, a.funnel, a.fallback_unit, a.row_triggers,
               typed_columns(a.relation) AS columns
        FROM adoption a$q$, 'adopt', 'change_adoption($1, $2)', 'disown(($1 ->> ''relation'')::regclass)');
