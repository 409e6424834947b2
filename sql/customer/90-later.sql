-- What is promised and not built yet: final signatures, an error that says so.

CREATE FUNCTION @extschema@.match(attributes jsonb, max_rows integer DEFAULT 10)
RETURNS TABLE (relation regclass, record_key text, customer_id bigint, probability double precision, reasons jsonb)
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$ BEGIN PERFORM @extschema@.not_yet('match'); END $$;
COMMENT ON FUNCTION @extschema@.match(jsonb, integer) IS 'Not built yet: who among the registered records these attributes could mean.';

CREATE FUNCTION @extschema@.match_queue_rows()
RETURNS TABLE (relation_a regclass, key_a text, relation_b regclass, key_b text, probability double precision,
               reasons jsonb, queued_at timestamptz)
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$ BEGIN PERFORM @extschema@.not_yet('match_queue'); END $$;
COMMENT ON FUNCTION @extschema@.match_queue_rows() IS 'Not built yet: the rows of match_queue.';
CREATE VIEW @extschema@.match_queue AS SELECT * FROM @extschema@.match_queue_rows();
COMMENT ON VIEW @extschema@.match_queue IS 'Not built yet: pairs of records that a person should look at.';
