-- Promised names: final signatures, nothing behind them yet.

CREATE FUNCTION @extschema@.set_sla(key text, entity text, condition text, clock text, target interval,
                                    calendar text DEFAULT 'default', pause_stages text[] DEFAULT '{}',
                                    warn_at numeric DEFAULT 0.8) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN PERFORM not_yet('set_sla'); END $$;
COMMENT ON FUNCTION @extschema@.set_sla(text, text, text, text, interval, text, text[], numeric) IS
'Not built yet: a service-level agreement with a clock.';
SELECT @extschema@.set_audience('set_sla(text, text, text, text, interval, text, text[], numeric)', 'admin');

-- A view with its final columns, which says so when it is read.
CREATE VIEW crm_bi.sla_clock WITH (security_invoker) AS
SELECT NULL::text AS relation, NULL::text AS record_key, NULL::text AS clock, NULL::timestamptz AS due_at, NULL::numeric(18,2) AS remaining,
       NULL::boolean AS paused, NULL::boolean AS breached
WHERE @extschema@.not_yet('crm_bi.sla_clock')::text IS NULL;
COMMENT ON VIEW crm_bi.sla_clock IS 'Not built yet: the columns are final.';
GRANT SELECT ON crm_bi.sla_clock TO PUBLIC;
