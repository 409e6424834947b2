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

CREATE FUNCTION @extschema@.merge(relation regclass, keep text, lose text[], reason text DEFAULT NULL,
                                  dry_run boolean DEFAULT false)
RETURNS bigint LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$ BEGIN PERFORM @extschema@.not_yet('merge'); END $$;
COMMENT ON FUNCTION @extschema@.merge(regclass, text, text[], text, boolean) IS 'Not built yet: makes rows of a table one; returns a merge id.';

CREATE FUNCTION @extschema@.unmerge(merge_id bigint, dry_run boolean DEFAULT false)
RETURNS bigint LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$ BEGIN PERFORM @extschema@.not_yet('unmerge'); END $$;
COMMENT ON FUNCTION @extschema@.unmerge(bigint, boolean) IS 'Not built yet: gives back every row of a merge as it was.';

CREATE FUNCTION @extschema@.merge_log_rows()
RETURNS TABLE (merge_id bigint, relation regclass, keep text, lose text[], reason text, merged_by text,
               merged_at timestamptz, unmerged_at timestamptz)
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$ BEGIN PERFORM @extschema@.not_yet('merge_log'); END $$;
COMMENT ON FUNCTION @extschema@.merge_log_rows() IS 'Not built yet: the rows of merge_log.';
CREATE VIEW @extschema@.merge_log AS SELECT * FROM @extschema@.merge_log_rows();
COMMENT ON VIEW @extschema@.merge_log IS 'Not built yet: merges and their undoing.';

CREATE FUNCTION @extschema@.resolve_key(relation regclass, key text)
RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$ BEGIN PERFORM @extschema@.not_yet('resolve_key'); END $$;
COMMENT ON FUNCTION @extschema@.resolve_key(regclass, text) IS 'Not built yet: the key that a merged record''s key leads to.';

CREATE FUNCTION @extschema@.identify(anonymous_id text, customer_id bigint)
RETURNS bigint LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$ BEGIN PERFORM @extschema@.not_yet('identify'); END $$;
COMMENT ON FUNCTION @extschema@.identify(text, bigint) IS 'Not built yet: gives the touches of an anonymous visitor to a customer.';

CREATE FUNCTION @extschema@.export_customer(customer_id bigint)
RETURNS jsonb LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$ BEGIN PERFORM @extschema@.not_yet('export_customer'); END $$;
COMMENT ON FUNCTION @extschema@.export_customer(bigint) IS 'Not built yet: everything held about a customer, for the customer.';

CREATE FUNCTION @extschema@.erase_customer(customer_id bigint, mode jsonb)
RETURNS jsonb LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$ BEGIN PERFORM @extschema@.not_yet('erase_customer'); END $$;
COMMENT ON FUNCTION @extschema@.erase_customer(bigint, jsonb) IS
    'Not built yet: deletes, blanks or keeps with a reason what each relation holds about a customer.';

