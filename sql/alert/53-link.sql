-- Links in messages: into the team's own application, to a report, to the page where a message is answered.
CREATE TABLE @extschema@.link_template (
    target     text PRIMARY KEY,
    template   text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    created_by text NOT NULL
);
COMMENT ON TABLE @extschema@.link_template IS 'addresses that messages link to, with {parts} that are filled in; set_link_template';

CREATE FUNCTION @extschema@.link_parts(target text)
RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE target WHEN 'act' THEN ARRAY['token']
                   WHEN 'kpi' THEN ARRAY['key', 'unit', 'since', 'until']
                   WHEN 'unit' THEN ARRAY['key']
                   WHEN 'alert' THEN ARRAY['key', 'rule', 'kpi', 'unit']
                   WHEN 'report' THEN ARRAY['principal', 'unit', 'kpi', 'since', 'until']
                   ELSE ARRAY['key', 'relation'] END;
COMMENT ON FUNCTION @extschema@.link_parts(text) IS 'The {parts} that the link template of a target may have.';

CREATE FUNCTION @extschema@.set_link_template(target text, template text, allow_http boolean DEFAULT false)
RETURNS void LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    targets CONSTANT text[] := ARRAY['kpi', 'unit', 'alert', 'report', 'act'] || ARRAY(SELECT e.entity FROM entity e ORDER BY 1);
    wrong text;
BEGIN
    IF target IS NULL OR target <> ALL (targets) THEN
        PERFORM raise_unknown('target of links', coalesce(target, ''), targets);
    ELSIF template IS NULL THEN
        DELETE FROM link_template l WHERE l.target = set_link_template.target;
        RETURN;
    END IF;
    SELECT m[1] INTO wrong FROM regexp_matches(template, '\{([^{}]*)\}', 'g') m WHERE m[1] <> ALL (link_parts(target)) LIMIT 1;
    IF wrong IS NOT NULL THEN
        PERFORM raise_unknown('part of the link', wrong, link_parts(target));
    END IF;
    -- the host is the template's own: no part decides where a link leads
    IF length(template) > 500
       OR regexp_replace(template, '\{[a-z]+\}', 'x', 'g') !~ '^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~:/?#@!$&*+,;=%-]*)?$'
       OR template ~ '^https?://[^/?#]*\{' THEN
        RAISE EXCEPTION 'the template of a link is no address'
            USING ERRCODE = 'RM005',
                  DETAIL = 'At most 500 characters; http or https, a host without parts, user or password, and then a path of plain characters.',
                  HINT = format('For example https://app.example/%s/{%s}', target, (link_parts(target))[1]);
    ELSIF template NOT LIKE 'https://%' AND NOT coalesce(allow_http, false) THEN
        RAISE EXCEPTION 'a link must begin with https://'
            USING ERRCODE = 'RM005', HINT = 'Add allow_http => true where only people inside read the messages.';
    ELSIF target = 'act' AND strpos(template, '{token}') = 0 THEN
        RAISE EXCEPTION 'the page where messages are answered needs the token'
            USING ERRCODE = 'RM005', HINT = 'For example https://alerts.example/act/{token}';
    END IF;
    INSERT INTO link_template AS l (target, template, created_by) VALUES (target, template, caller()::text)
    ON CONFLICT ON CONSTRAINT link_template_pkey DO UPDATE
    SET template = excluded.template, created_at = now(), created_by = excluded.created_by;
END
$$;
COMMENT ON FUNCTION @extschema@.set_link_template(text, text, boolean) IS
$c$What messages link to. target: kpi ({key}, {unit}, {since}, {until}), unit ({key}), alert ({key}, {rule}, {kpi}, {unit}), report ({principal},
{unit}, {kpi}, {since}, {until}), act ({token}: crmd's page), or an entity ({key}, {relation}). Values are URL-encoded. NULL takes a link
away. Errors: RM001 no such target or part, RM005 no https address.
Example: SELECT crm.set_link_template('opportunity', 'https://app.example/deals/{key}');$c$;

-- By the bytes of UTF-8, whatever the database's encoding.
CREATE FUNCTION @extschema@.url_encode(value text)
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT coalesce(string_agg(CASE WHEN CASE WHEN b.byte < 128 THEN chr(b.byte) ~ '[A-Za-z0-9._~-]' END THEN chr(b.byte)
                                    ELSE '%' || lpad(upper(to_hex(b.byte)), 2, '0') END, '' ORDER BY b.n), '')
    FROM (SELECT n, get_byte(bytes, n) AS byte
          FROM (SELECT convert_to(value, 'UTF8')) v (bytes), generate_series(0, octet_length(bytes) - 1) n) b
$$;
COMMENT ON FUNCTION @extschema@.url_encode(text) IS 'A text as a part of an address: everything but A-Z, a-z, 0-9, ".", "_", "~" and "-" as %XX.';

-- NULL where there is no template; also where the address would be longer than receivers take.
CREATE FUNCTION @extschema@.link_to(target text, parts jsonb)
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT address FROM (
        SELECT string_agg(CASE WHEN t.n % 2 = 1 THEN t.piece ELSE url_encode(coalesce(parts ->> t.piece, '')) END, '' ORDER BY t.n) AS address
        FROM link_template l, unnest(regexp_split_to_array(l.template, '[{}]')) WITH ORDINALITY t (piece, n)
        WHERE l.target = link_to.target) a
    WHERE length(address) <= 2000
$$;
COMMENT ON FUNCTION @extschema@.link_to(text, jsonb) IS 'The address that a target''s template gives, its parts URL-encoded; NULL where there is none.';

SELECT @extschema@.set_audience('set_link_template(text, text, boolean)', 'admin');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.link_template', '');
