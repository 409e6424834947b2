-- Kept journeys: one packed value for each (funnel, subject).
--
-- A journey that is packed and was not touched since equals the one that transition_log gives, in every snapshot. Whoever changes what a
-- journey is made of (a transition, or whom a record or a visitor means) notes in the same transaction whom that touches. The packer
-- deletes the notes that it sees and rebuilds their subjects in one statement. A note names what was written, a record or a visitor, and
-- not the subject that it meant to the writer: somebody else may be linking it. Who it is is found out when the note is read. None of this
-- is dumped: after a restore no funnel is ready, journeys are read from the history, and the packer begins anew.

CREATE TABLE @extschema@.journey_state (
    funnel text COLLATE "C" PRIMARY KEY,
    ready boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE @extschema@.journey_state IS
'Funnels whose changes are noted in journey_touched; ready: whose journeys are packed. Not dumped.';

CREATE TABLE @extschema@.journey_units (
    units_no integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    units text[] NOT NULL,
    digest uuid NOT NULL UNIQUE
);
COMMENT ON TABLE @extschema@.journey_units IS
'Sets of the teams'' own unit values that a journey''s transitions have, NULL last; digest: md5 of units as text. Not dumped.';

CREATE TABLE @extschema@.journey_kept (
    funnel text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    units_no integer NOT NULL,
    journey @extschema@.journey NOT NULL,
    PRIMARY KEY (funnel, subject)
) WITH (fillfactor = 80);
COMMENT ON TABLE @extschema@.journey_kept IS
'The journey of each subject as pack_journeys found it last; subjects are those of subject_transition. Not dumped.';

CREATE TABLE @extschema@.journey_touched (
    touched_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    funnel text,
    subject text,
    relation pg_catalog.regclass,
    record_key text,
    record_no bigint,
    anonymous_id text
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, vacuum_truncate = off);
COMMENT ON TABLE @extschema@.journey_touched IS
'Whose journeys changed since they were packed; only appended to, and emptied by pack_journeys. funnel NULL: every funnel about '
'customers. All that a row names is touched: subject; whom the record (relation, record_key) means, or record_no; whoever the visitor '
'was. Not dumped.';

CREATE FUNCTION @extschema@.journeys_followed() RETURNS text[]
    AS 'MODULE_PATHNAME', 'crm_journeys_followed' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.journeys_followed() IS
'The funnels in journey_state as they are at this moment, whatever the snapshot of the transaction.';
SELECT @extschema@.set_audience('journeys_followed()', 'internal');

CREATE INDEX transition_log_customer ON @extschema@.transition_log
    ((coalesce(customer_relation, relation)), (coalesce(customer_key, record_key)))
    WHERE customer_key IS NOT NULL OR customer_relation IS NOT NULL;
CREATE INDEX transition_log_visitor ON @extschema@.transition_log (anonymous_id) WHERE anonymous_id IS NOT NULL;

-- What notes name, as subjects. Rather one too many: a subject without transitions costs a look.
CREATE FUNCTION @extschema@.touched_subjects(touched @extschema@.journey_touched[])
    RETURNS TABLE (funnel text, subject text)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000 COST 1000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    WITH note AS MATERIALIZED (
        SELECT DISTINCT f.funnel, f.subject AS about, n.subject, n.relation, n.record_key, n.record_no, n.anonymous_id
        FROM unnest(touched) n
        JOIN journey_state s ON s.ready AND (n.funnel IS NULL OR n.funnel = s.funnel)
        JOIN funnel f ON f.funnel = s.funnel AND (n.funnel IS NOT NULL OR f.subject = 'customer'))
    SELECT n.funnel, n.subject FROM note n WHERE n.subject IS NOT NULL
    UNION
    SELECT n.funnel, n.relation::oid || ' ' || n.record_key FROM note n WHERE n.relation IS NOT NULL AND n.about <> 'customer'
    UNION
    SELECT n.funnel, coalesce('customer ' || l.customer_id, n.relation::oid || ' ' || n.record_key)
    FROM note n
    LEFT JOIN record_copy c ON c.relation = n.relation AND c.record_key = n.record_key COLLATE "C"
    LEFT JOIN record_link l ON l.record_no = c.record_no
    WHERE n.relation IS NOT NULL AND n.about = 'customer'
    UNION
    SELECT n.funnel, 'customer ' || l.customer_id FROM note n JOIN record_link l USING (record_no)
    UNION
    SELECT n.funnel, 'visitor ' || n.anonymous_id FROM note n WHERE n.anonymous_id IS NOT NULL
    UNION
    SELECT n.funnel, 'customer ' || l.customer_id
    FROM note n JOIN identification i ON i.anonymous_id = n.anonymous_id JOIN record_link l ON l.record_no = i.record_no
$$;
COMMENT ON FUNCTION @extschema@.touched_subjects(@extschema@.journey_touched[]) IS
'The subjects, of funnels that are ready, that rows of journey_touched name, as linked now.';
SELECT @extschema@.set_audience('touched_subjects(journey_touched[])', 'internal');
