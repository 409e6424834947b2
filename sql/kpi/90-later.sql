-- Promised names: final signatures, nothing behind them yet.

CREATE FUNCTION @extschema@.set_sla(key text, entity text, condition text, clock text, target interval,
                                    calendar text DEFAULT 'default', pause_stages text[] DEFAULT '{}',
                                    warn_at numeric DEFAULT 0.8) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN PERFORM not_yet('set_sla'); END $$;
COMMENT ON FUNCTION @extschema@.set_sla(text, text, text, text, interval, text, text[], numeric) IS
'Not built yet: a service-level agreement with a clock.';
SELECT @extschema@.set_audience('set_sla(text, text, text, text, interval, text, text[], numeric)', 'admin');

CREATE FUNCTION @extschema@.check_in(goal text, note text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN PERFORM not_yet('check_in'); END $$;
COMMENT ON FUNCTION @extschema@.check_in(text, text) IS 'Not built yet: a note of an owner on how a goal goes.';

CREATE FUNCTION @extschema@.forecast(kpi text, unit text DEFAULT NULL, until date DEFAULT NULL)
    RETURNS TABLE (day date, value numeric, low numeric, high numeric)
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN PERFORM not_yet('forecast'); END $$;
COMMENT ON FUNCTION @extschema@.forecast(text, text, date) IS 'Not built yet: where a KPI goes, with an interval.';

-- Views with their final columns, which say so when they are read.
DO $$
DECLARE
    promised CONSTANT text[][] := ARRAY[
        ['sla_clock', 'relation text, record_key text, clock text, due_at timestamptz, remaining interval, paused boolean, breached boolean'],
        ['dim_campaign', 'campaign text, name text, channel text, starts_on date, ends_on date, budget numeric, currency text, supports_unit text'],
        ['dim_product', 'product text, name text, category text, list_price numeric, currency text'],
        ['fct_opportunity', 'relation text, record_key text, customer_id bigint, unit_key text, owner text, stage text, milestone text, product text, campaign text, amount numeric, currency text, created_at timestamptz, closed_at timestamptz, expected_close_on date, lost_reason text'],
        ['fct_lead', 'relation text, record_key text, customer_id bigint, unit_key text, owner text, stage text, milestone text, campaign text, channel text, created_at timestamptz'],
        ['fct_project', 'relation text, record_key text, customer_id bigint, unit_key text, owner text, stage text, milestone text, promised_on date, started_at timestamptz, live_at timestamptz'],
        ['fct_ticket', 'relation text, record_key text, customer_id bigint, unit_key text, owner text, stage text, channel text, priority text, product text, opened_at timestamptz, first_response_at timestamptz, resolved_at timestamptz, reopened_count bigint, satisfaction numeric'],
        ['fct_touch', 'relation text, record_key text, customer_id bigint, anonymous_id text, unit_key text, at timestamptz, channel text, campaign text, kind text, cost numeric'],
        ['fct_spend', 'relation text, record_key text, unit_key text, on_date date, campaign text, channel text, kind text, amount numeric, currency text'],
        ['fct_transition', 'funnel text, relation text, record_key text, unit_key text, from_stage text, to_stage text, at timestamptz, direction text, first_entry boolean']];
    columns text;
BEGIN
    FOR i IN 1 .. pg_catalog.array_length(promised, 1) LOOP
        SELECT pg_catalog.string_agg(pg_catalog.format('NULL::%s AS %I', pg_catalog.split_part(c, ' ', 2), pg_catalog.split_part(c, ' ', 1)), ', ' ORDER BY n)
        INTO columns
        FROM pg_catalog.regexp_split_to_table(promised[i][2], ', ') WITH ORDINALITY AS x (c, n);
        EXECUTE pg_catalog.format('CREATE VIEW crm_bi.%I AS SELECT %s WHERE @extschema@.not_yet(%L)::text IS NULL', promised[i][1],
                                  columns, 'crm_bi.' || promised[i][1]);
        EXECUTE pg_catalog.format('COMMENT ON VIEW crm_bi.%I IS %L', promised[i][1], 'Not built yet: the columns are final.');
        EXECUTE pg_catalog.format('GRANT SELECT ON crm_bi.%I TO PUBLIC', promised[i][1]);
    END LOOP;
END
$$;
