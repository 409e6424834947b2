-- Consent: who may be contacted by which channel for which purpose, and how that is known.
--
-- Two sources. A row of a team states what it knows in its mapped attribute `consent`; a call of record_consent is explicit. Every
-- entry belongs to a record, and a call covers all records that the customer had then. So what holds for a customer follows from the
-- entries and from the links as they are now, in a join as in a split:
--
--   * A withdrawal holds for every customer that has one of the records it covers.
--   * A row's grant holds while the row states it, and takes back nothing but what the same row withdrew before, by a later date.
--   * A call's grant takes back the withdrawals that are dated before it, of records that it covers: of the customer as it was known
--     then. Records that are linked later bring their withdrawals along, however old, and grants that they bring take back nothing.
--   * Rows that are merged are as records that are linked, and cannot be parted by it (74-merged-record.sql).
--   * After a split a call's grant stays with the record that it was given for; one given for a whole customer holds while all
--     records that it covers are one customer.

CREATE TABLE @extschema@.consent_entry (
    entry bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    relation regclass,
    record_key text COLLATE "C",
    customer_id bigint,
    channel text NOT NULL,
    purpose text NOT NULL,
    granted boolean NOT NULL,
    at timestamptz NOT NULL,
    source text NOT NULL CHECK (source OPERATOR(pg_catalog.=) ANY (ARRAY['record', 'call'])),
    reason text,
    evidence text,
    recorded_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    recorded_by text NOT NULL,
    ended_at timestamptz
);
CREATE INDEX consent_entry_record ON @extschema@.consent_entry (relation, record_key);
CREATE INDEX consent_entry_customer ON @extschema@.consent_entry (customer_id) WHERE customer_id IS NOT NULL;
COMMENT ON TABLE @extschema@.consent_entry IS
'Each consent given or withdrawn: what rows state (source record) and what record_consent was told (source call).';
COMMENT ON COLUMN @extschema@.consent_entry.relation IS 'The record that it was given for; NULL where it was the whole customer.';
COMMENT ON COLUMN @extschema@.consent_entry.customer_id IS
'The customer when it was recorded, or whose record went: an erasure finds by it what no record leads to. What holds goes by records.';
COMMENT ON COLUMN @extschema@.consent_entry.channel IS 'As consent_channel() writes it; * is every channel, for withdrawals only.';
COMMENT ON COLUMN @extschema@.consent_entry.purpose IS 'As consent_purpose() writes it; * is every purpose, for withdrawals only.';
COMMENT ON COLUMN @extschema@.consent_entry.ended_at IS 'When the row ceased to state it; what ended counts no more and stays as evidence.';

CREATE TABLE @extschema@.consent_cover (
    entry bigint NOT NULL REFERENCES @extschema@.consent_entry ON DELETE CASCADE,
    relation regclass NOT NULL,
    record_key text COLLATE "C" NOT NULL,
    PRIMARY KEY (entry, relation, record_key)
);
CREATE INDEX consent_cover_record ON @extschema@.consent_cover (relation, record_key);
COMMENT ON TABLE @extschema@.consent_cover IS
'The other records that an entry covers: those that the customer had then, also those that had been merged into them.';

CREATE TABLE @extschema@.consent_problem (
    relation regclass NOT NULL,
    record_key text COLLATE "C" NOT NULL,
    path text NOT NULL,
    problem text NOT NULL,
    PRIMARY KEY (relation, record_key, path)
);
COMMENT ON TABLE @extschema@.consent_problem IS
'What rows state about consent and is not understood, or opens nothing: where in the attribute, and why. Kept by read_consents.';

CREATE TABLE @extschema@.contact_basis (
    purpose text PRIMARY KEY,
    basis text NOT NULL,
    reason text,
    set_by text NOT NULL,
    set_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE @extschema@.contact_basis IS
'Purposes that need no consent, with what they rest on instead: set_contact_basis. All others need one.';

CREATE INDEX customer_registry_redirect ON @extschema@.customer_registry (redirect_to) WHERE redirect_to IS NOT NULL;

SELECT pg_catalog.pg_extension_config_dump('@extschema@.consent_entry', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.consent_entry_entry_seq', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.consent_cover', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.consent_problem', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.contact_basis', '');

-- Words are the teams' own; "E-Mail" and "email" must not be two channels, or a withdrawal in one leaves the other open.
CREATE FUNCTION @extschema@.consent_channel(word text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (SELECT CASE WHEN pg_catalog.btrim(word) = '*' THEN '*'
                    WHEN w.plain IN ('telephone', 'tel', 'call', 'calls', 'phonecall', 'voice') THEN 'phone'
                    WHEN w.plain IN ('postal', 'letter', 'letters', 'postalmail') THEN 'post'
                    WHEN w.plain IN ('text', 'texts', 'textmessage', 'textmessages') THEN 'sms'
                    WHEN w.plain = 'emails' THEN 'email'
                    ELSE NULLIF(pg_catalog."left"(w.plain, 60), '') END
        FROM (SELECT pg_catalog.regexp_replace(pg_catalog.lower(word), '[^[:alnum:]]+', '', 'g')) AS w (plain));
COMMENT ON FUNCTION @extschema@.consent_channel(text) IS
'A channel as consent is compared by: lower case, letters and digits only, a few synonyms made one; * for all. '
'consent_channel(''E-Mail'') is email.';

CREATE FUNCTION @extschema@.consent_purpose(word text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN pg_catalog.btrim(word) = '*' THEN '*'
            ELSE NULLIF(pg_catalog."left"(pg_catalog.btrim(pg_catalog.regexp_replace(pg_catalog.lower(word), '[^[:alnum:]]+', '_', 'g'), '_'), 60), '') END;
COMMENT ON FUNCTION @extschema@.consent_purpose(text) IS
'A purpose as consent is compared by: lower case, words joined by _; * for all. consent_purpose(''Direct Marketing'') is direct_marketing.';

CREATE FUNCTION @extschema@.consent_verdict(word text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN pg_catalog.regexp_replace(pg_catalog.lower(word), '[^[:alnum:]]+', '', 'g')
                 = ANY (ARRAY['true', 'granted', 'given', 'yes', 'optin', 'optedin', 'subscribed', 'allowed', 'consented']) THEN true
            WHEN pg_catalog.regexp_replace(pg_catalog.lower(word), '[^[:alnum:]]+', '', 'g')
                 = ANY (ARRAY['false', 'withdrawn', 'no', 'denied', 'refused', 'revoked', 'objected', 'optout', 'optedout',
                              'unsubscribed', 'forbidden']) THEN false END;
COMMENT ON FUNCTION @extschema@.consent_verdict(text) IS
'Whether a word grants (true, granted, yes, opt-in, subscribed ...) or withdraws (false, withdrawn, no, opt-out, unsubscribed ...); '
'NULL for any other.';

CREATE FUNCTION @extschema@.consent_time(value text, zone text) RETURNS timestamptz
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp SET datestyle = 'ISO'
AS $$
DECLARE
    at timestamptz;
BEGIN
    IF value !~ '^\d{4}-\d{2}-\d{2}' THEN
        RETURN NULL;
    END IF;
    at := CASE WHEN value ~ '(Z|[+-]\d{2}(:?\d{2})?)$' AND value ~ '\d:\d' THEN value::timestamptz
               ELSE value::timestamp AT TIME ZONE zone END;
    RETURN CASE WHEN isfinite(at) AND at <= now() + interval '1 day' THEN at END;
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION @extschema@.consent_time(text, text) IS
'A time in ISO form, in the zone where it names none; NULL for what is none, or lies ahead.';

CREATE TYPE @extschema@.consent_statement AS (path text, channel text, purpose text, granted boolean, at timestamptz, evidence text,
                                              problem text);
COMMENT ON TYPE @extschema@.consent_statement IS
'One thing that a row states about consent: where in its attribute, what, when (NULL: it does not say); problem: why it does not count.';

CREATE FUNCTION @extschema@.consent_leaf(path text, channel text, purpose text, leaf jsonb, above jsonb, zone text)
RETURNS @extschema@.consent_statement LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    stated @extschema@.consent_statement;
    kind CONSTANT text := jsonb_typeof(leaf);
    said text;
BEGIN
    stated.path := left(path, 200);
    stated.channel := consent_channel(channel);
    stated.purpose := consent_purpose(purpose);
    stated.granted := consent_verdict(CASE kind WHEN 'object' THEN coalesce(leaf ->> 'granted', leaf ->> 'state')
                                                WHEN 'boolean' THEN leaf #>> '{}' WHEN 'string' THEN leaf #>> '{}' END);
    said := coalesce(CASE kind WHEN 'object' THEN leaf ->> 'at' END, above ->> 'at');
    stated.at := consent_time(said, zone);
    stated.evidence := left(coalesce(CASE kind WHEN 'object' THEN coalesce(leaf ->> 'evidence', leaf ->> 'source') END,
                                     above ->> 'evidence', above ->> 'source'), 1000);
    stated.problem := CASE
        WHEN stated.channel IS NULL OR stated.purpose IS NULL THEN 'no channel or no purpose is named'
        WHEN stated.granted IS NULL THEN 'neither a grant nor a withdrawal'
        WHEN stated.granted AND '*' IN (stated.channel, stated.purpose) THEN 'a grant names its channel and its purpose'
        WHEN stated.granted AND said IS NOT NULL AND stated.at IS NULL THEN 'at is no time, or lies ahead' END;
    RETURN stated;
END
$$;
COMMENT ON FUNCTION @extschema@.consent_leaf(text, text, text, jsonb, jsonb, text) IS
'What one value of a consent attribute states; above: the object that it stands in, for its at, evidence and source.';

CREATE FUNCTION @extschema@.consent_statements(document jsonb, zone text DEFAULT 'UTC') RETURNS SETOF @extschema@.consent_statement
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 4 COST 1000 SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    about CONSTANT text[] := '{at,evidence,source}';
    entry pg_catalog.record;
    inner_entry pg_catalog.record;
BEGIN
    IF document IS NULL OR jsonb_typeof(document) = 'null' THEN
        RETURN;
    ELSIF jsonb_typeof(document) <> 'object' THEN
        RETURN NEXT consent_leaf('$', '*', '*', document, NULL, zone);
        RETURN;
    END IF;
    FOR entry IN SELECT * FROM jsonb_each(document) e WHERE e.key <> ALL (about) AND jsonb_typeof(e.value) <> 'null' ORDER BY e.key LOOP
        IF strpos(entry.key, '.') > 0 THEN
            RETURN NEXT consent_leaf(entry.key, split_part(entry.key, '.', 1), substr(entry.key, strpos(entry.key, '.') + 1), entry.value,
                                     document, zone);
        ELSIF jsonb_typeof(entry.value) <> 'object' OR entry.value ?| '{granted,state}' THEN
            RETURN NEXT consent_leaf(entry.key, entry.key, '*', entry.value, document, zone);
        ELSE
            FOR inner_entry IN SELECT * FROM jsonb_each(entry.value) e
                               WHERE e.key <> ALL (about) AND jsonb_typeof(e.value) <> 'null' ORDER BY e.key LOOP
                RETURN NEXT consent_leaf(entry.key || '.' || inner_entry.key, entry.key, inner_entry.key, inner_entry.value,
                                         document || entry.value, zone);
            END LOOP;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.consent_statements(jsonb, text) IS
'What a row''s consent attribute states. Understood are {"email": {"marketing": true, "at": "2026-01-31", "evidence": "form 12"}}, '
'{"email.marketing": "withdrawn"}, {"email": {"marketing": {"granted": true, "at": ...}}} and, for withdrawals only, {"email": false} '
'and false: every purpose, everything. null states nothing. Anything else comes with a problem and never grants; zone is that of '
'times without offset. Example: SELECT * FROM consent_statements(''{"sms.service": "no"}'');';

-- One statement, so that every part sees the entries as they were: parts change disjoint rows. Whoever reads records holds the lock
-- that orders readers.
CREATE FUNCTION @extschema@.read_consents(relation regclass, keys text[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    changed bigint;
BEGIN
    IF NOT has_attribute(relation, 'consent') THEN
        RETURN 0;
    END IF;
    DELETE FROM consent_problem p WHERE p.relation = read_consents.relation AND (keys IS NULL OR p.record_key = ANY (keys));
    WITH said AS MATERIALIZED (
        SELECT s.record_key, t.path, t.channel, t.purpose, t.granted, t.at, t.evidence, t.problem
        FROM adoption a,
             rows_as_owner(a.relation, format('SELECT @extschema@.map_id(r)::text, @extschema@.map_consent(r) FROM %s r '
                                              'WHERE @extschema@.map_consent(r) IS NOT NULL AND %s', a.relation,
                           CASE WHEN keys IS NULL THEN 'true' ELSE key_condition(a.relation, 'id', format('%L::text[]', keys)) END))
                 AS s (record_key text, document jsonb),
             consent_statements(s.document, a.zone) t
        WHERE a.relation = read_consents.relation AND octet_length(s.record_key) <= 2000
          AND NOT EXISTS (SELECT FROM suppressed_record x WHERE x.relation = a.relation AND x.record_key = s.record_key)),
    stated AS MATERIALIZED (
        SELECT DISTINCT ON (s.record_key, s.channel, s.purpose) s.*
        FROM said s WHERE s.problem IS NULL ORDER BY s.record_key, s.channel, s.purpose, s.granted, s.at DESC NULLS LAST),
    held AS MATERIALIZED (
        SELECT e.entry, e.record_key, e.channel, e.purpose, e.granted, e.at, s.granted AS now_granted, s.at AS now_at,
               bool_or(e.granted) OVER (PARTITION BY e.record_key, e.channel, e.purpose) AS was_granted,
               NOT e.granted AND s.granted AND (s.at IS NULL OR s.at <= e.at) AS undated
        FROM consent_entry e LEFT JOIN stated s USING (record_key, channel, purpose)
        WHERE e.relation = read_consents.relation AND e.source = 'record' AND e.ended_at IS NULL
          AND (keys IS NULL OR e.record_key = ANY (keys))),
    ended AS (
        UPDATE consent_entry e SET ended_at = now() FROM held h
        WHERE h.entry = e.entry AND h.granted AND h.now_granted IS NOT TRUE RETURNING 1),
    redated AS (
        UPDATE consent_entry e SET at = coalesce(h.now_at, now()) FROM held h
        WHERE h.entry = e.entry AND h.granted = h.now_granted
          AND CASE WHEN h.granted THEN h.now_at <> h.at ELSE h.now_at > h.at OR h.now_at IS NULL AND h.was_granted END RETURNING 1),
    added AS (
        INSERT INTO consent_entry (relation, record_key, customer_id, channel, purpose, granted, at, source, evidence, recorded_by)
        SELECT read_consents.relation, s.record_key, r.customer_id, s.channel, s.purpose, s.granted, coalesce(s.at, now()), 'record',
               s.evidence, 'row'
        FROM stated s
        LEFT JOIN record r ON r.relation = read_consents.relation AND r.record_key = s.record_key
        WHERE NOT EXISTS (SELECT FROM held h WHERE h.record_key = s.record_key AND h.channel = s.channel AND h.purpose = s.purpose
                                               AND (h.granted = s.granted OR h.undated))
        RETURNING 1),
    problems AS (
        INSERT INTO consent_problem (relation, record_key, path, problem)
        SELECT DISTINCT ON (p.record_key, p.path) read_consents.relation, p.record_key, p.path, p.problem
        FROM (SELECT s.record_key, s.path, s.problem FROM said s WHERE s.problem IS NOT NULL
              UNION ALL
              SELECT h.record_key, h.channel || '.' || h.purpose, 'the row withdrew it before and now grants it without a later date'
              FROM held h WHERE h.undated AND NOT h.was_granted) p
        ORDER BY p.record_key, p.path)
    SELECT (SELECT count(*) FROM ended) + (SELECT count(*) FROM redated) + (SELECT count(*) FROM added) INTO changed;
    RETURN changed;
END
$$;
COMMENT ON FUNCTION @extschema@.read_consents(regclass, text[]) IS
'Brings the consents that rows of a table state in line with the rows: keys, or all where that is NULL; returns how many changed. '
'A grant ends when the row no longer states it; a withdrawal stays, and is taken back while the row grants with a later date.';
SELECT @extschema@.set_audience('read_consents(regclass, text[])', 'internal');

CREATE FUNCTION @extschema@.write_consent(customer_id bigint, given_for @extschema@.record_ref, channel text, purpose text, granted boolean,
                                          at timestamptz, reason text, evidence text) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    new_entry bigint;
BEGIN
    channel := consent_channel(channel);
    purpose := consent_purpose(purpose);
    IF channel IS NULL OR purpose IS NULL OR granted IS NULL THEN
        RAISE EXCEPTION 'a consent needs a channel, a purpose and whether it is granted' USING ERRCODE = 'RM005',
            HINT = 'For example: channel => ''email'', purpose => ''marketing'', granted => false.';
    ELSIF granted AND '*' IN (channel, purpose) THEN
        RAISE EXCEPTION 'consent cannot be granted for everything' USING ERRCODE = 'RM005',
            HINT = 'Name the channel and the purpose; * is for withdrawals.';
    ELSIF granted AND coalesce(btrim(evidence), '') = '' THEN
        RAISE EXCEPTION 'a grant needs evidence' USING ERRCODE = 'RM005',
            DETAIL = 'Who relies on consent must be able to show it.', HINT = 'For example: evidence => ''web form 12, double opt-in''.';
    ELSIF at IS NULL OR NOT isfinite(at) OR at > now() + interval '1 day' THEN
        RAISE EXCEPTION 'a consent needs the time when it was given' USING ERRCODE = 'RM005', DETAIL = 'It may not lie ahead.',
            HINT = 'For example: at => now().';
    END IF;
    INSERT INTO consent_entry (relation, record_key, customer_id, channel, purpose, granted, at, source, reason, evidence, recorded_by)
    VALUES ((given_for).relation, (given_for).record_key, customer_id, channel, purpose, granted, at, 'call', reason, evidence,
            coalesce(current_principal(), caller()::text))
    RETURNING entry INTO new_entry;
    INSERT INTO consent_cover (entry, relation, record_key)
    SELECT new_entry, c.relation, c.record_key
    FROM (SELECT r.relation, r.record_key FROM record r WHERE r.customer_id = write_consent.customer_id
          UNION -- but what is a record again under the key is somebody's own
          SELECT r.relation, k FROM record r CROSS JOIN LATERAL merged_into(r.relation, r.record_key) k
          WHERE r.customer_id = write_consent.customer_id
            AND NOT EXISTS (SELECT FROM record_copy x WHERE x.relation = r.relation AND x.record_key = k)) c
    WHERE (c.relation, c.record_key) IS DISTINCT FROM ((given_for).relation, (given_for).record_key);
    RETURN new_entry;
END
$$;
COMMENT ON FUNCTION @extschema@.write_consent(bigint, @extschema@.record_ref, text, text, boolean, timestamptz, text, text) IS
'Checks and writes an explicit entry of a customer as it is now.';
SELECT @extschema@.set_audience('write_consent(bigint, record_ref, text, text, boolean, timestamptz, text, text)', 'internal');

CREATE FUNCTION @extschema@.record_consent(customer_id bigint, channel text, purpose text, granted boolean, at timestamptz DEFAULT now(),
                                           reason text DEFAULT NULL, evidence text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
BEGIN
    LOCK TABLE customer_registry IN ROW EXCLUSIVE MODE; -- the links are those of now until this is written
    RETURN write_consent((require_customer(customer_id))[1], NULL, channel, purpose, granted, at, reason, evidence);
END
$$;
COMMENT ON FUNCTION @extschema@.record_consent(bigint, text, text, boolean, timestamptz, text, text) IS
'Writes down that a customer gave or withdrew consent: by channel (email, phone, post, sms ..., * for all) and purpose (marketing, '
'service ..., * for all), at a time; reason and evidence are yours, evidence is needed for a grant. It covers all records that '
'the customer has now. Whoever may read one of them may call it; returns the number of the entry. Errors: RM005 (what makes no '
'sense), RM201 (no such customer, or none that you may read). '
'Example: SELECT record_consent(42, ''email'', ''marketing'', false, reason => ''unsubscribed by phone'');';

CREATE FUNCTION @extschema@.record_consent(given_for @extschema@.record_ref, channel text, purpose text, granted boolean,
                                           at timestamptz DEFAULT now(), reason text DEFAULT NULL, evidence text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    found_row @extschema@.record;
BEGIN
    LOCK TABLE customer_registry IN ROW EXCLUSIVE MODE;
    found_row := require_record(given_for);
    RETURN write_consent(found_row.customer_id, given_for, channel, purpose, granted, at, reason, evidence);
END
$$;
COMMENT ON FUNCTION @extschema@.record_consent(@extschema@.record_ref, text, text, boolean, timestamptz, text, text) IS
'The same for the customer of a record, which keeps a grant should the customer be split. Errors: RM005, RM202 (no such record, or '
'none that you may read). Example: SELECT record_consent((''public.leads'', ''17''), ''sms'', ''marketing'', true, evidence => ''fair 2026'');';
