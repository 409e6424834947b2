-- One customer's whole story.
CREATE FUNCTION @extschema@.customer_timeline(customer_id bigint)
RETURNS TABLE (at timestamptz, kind text, department text, relation regclass, record_key text, subject text, stage text)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
SET search_path = pg_catalog, @extschema@, pg_temp
AS $$ BEGIN PERFORM not_yet('customer_timeline'); END $$;
CREATE FUNCTION @extschema@.customer_360(customer_id bigint) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
SET search_path = pg_catalog, @extschema@, pg_temp
AS $$ BEGIN PERFORM not_yet('customer_360'); END $$;
