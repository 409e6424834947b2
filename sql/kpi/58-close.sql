-- Closing periods of KPIs, and opening them again.

CREATE FUNCTION @extschema@.can_close(kind text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN kind = ANY (ARRAY['simple', 'ratio', 'conversion', 'cumulative']);
COMMENT ON FUNCTION @extschema@.can_close(text) IS
'Whether KPIs of a kind can be closed: those that are sums of days. derived ones follow those that they are made of.';

-- One statement: what is written is what one snapshot shows.
CREATE FUNCTION @extschema@.close_one(asked @extschema@.kpi, first_day date, last_day date, policy text, note text) RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    WITH made AS (
        INSERT INTO kpi_closing (kpi, since, until, policy, kpi_version, kind, date_kind, measured_in, within_days, divided, note, closed_by)
        VALUES ((asked).kpi, first_day, last_day, close_one.policy, (asked).version, (asked).kind, (asked).date_kind, (asked).measured_in, (asked).within_days,
                (asked).denominator IS NOT NULL, nullif(btrim(close_one.note), ''), coalesce(current_principal(), caller()::text))
        RETURNING closing
    ), summed AS (
        INSERT INTO kpi_closing_sum (closing, unit_key, currency, numerator, denominator)
        SELECT m.closing, s.unit_key, s.currency, s.numerator, s.denominator
        FROM made m CROSS JOIN closing_sums((asked).kpi, ARRAY[first_day], ARRAY[last_day], false) s
    )
    INSERT INTO kpi_closed_fact (closing, kpi, day, unit_key, stage, campaign, channel, product, owner, segment, currency, numerator, denominator)
    SELECT m.closing, f.kpi, f.day, f.unit_key, f.stage, f.campaign, f.channel, f.product, f.owner, f.segment, f.currency, f.numerator, f.denominator
    FROM made m
    CROSS JOIN kpi_facts(ARRAY[(asked).kpi], NULL, last_day, NULL, kpi_dimension_names(), NULL) f
    WHERE close_one.policy = 'freeze' AND coalesce(f.day > closed_until((asked).kpi), true)
    ORDER BY f.day
$$;
COMMENT ON FUNCTION @extschema@.close_one(@extschema@.kpi, date, date, text, text) IS
'Writes down the closing of one KPI: what each unit had from first_day to last_day, and to freeze it all facts of days that are not frozen yet.';
SELECT @extschema@.set_audience('close_one(kpi, date, date, text, text)', 'internal');

CREATE FUNCTION @extschema@.closing_sums(kpi text, firsts date[], lasts date[], counted boolean)
    RETURNS TABLE (until date, unit_key text, currency text, numerator numeric, denominator numeric)
    LANGUAGE sql STABLE PARALLEL UNSAFE COST 100000 ROWS 20 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT f.day, f.unit_key, f.currency, f.numerator, f.denominator
    FROM kpi_money m
    CROSS JOIN LATERAL kpi_facts(ARRAY[m.kpi], firsts[1], lasts[cardinality(lasts)], lasts,
                                 CASE WHEN m.numerator OR m.denominator THEN '{unit_key,currency}' ELSE '{unit_key}' END::text[], NULL, closing_sums.counted) f
    WHERE m.kpi = closing_sums.kpi
$$;
COMMENT ON FUNCTION @extschema@.closing_sums(text, date[], date[], boolean) IS
'What each unit has in periods that follow each other, of money by currency, of a stock what there is at the end of each; counted: as it is now, frozen or not.';
SELECT @extschema@.set_audience('closing_sums(text, date[], date[], boolean)', 'internal');

CREATE FUNCTION @extschema@.check_closing(until date, policy text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF NOT coalesce(isfinite(until) AND until < kpi_today(), false) THEN
        RAISE EXCEPTION 'a period that ends with % is not over', coalesce(to_char(until, 'YYYY-MM-DD'), 'null') USING ERRCODE = 'RM005',
            HINT = format('Until is the last day of what is closed, yesterday at the latest: %L.', to_char(kpi_today() - 1, 'YYYY-MM-DD'));
    ELSIF NOT coalesce(policy IN ('freeze', 'restate'), false) THEN
        PERFORM raise_unknown('policy', coalesce(policy, ''), '{freeze,restate}');
    ELSIF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'periods are closed in READ COMMITTED' USING ERRCODE = 'RM403',
            DETAIL = 'An older snapshot may not see what somebody else has closed meanwhile.', HINT = 'BEGIN ISOLATION LEVEL READ COMMITTED; or without BEGIN.';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.check_closing(date, text) IS 'Raises RM005 where a period is not over, RM001 where there is no such policy, RM403 in another isolation level than READ COMMITTED.';
SELECT @extschema@.set_audience('check_closing(date, text)', 'internal');

CREATE FUNCTION @extschema@.close_period(until date, kpi text DEFAULT NULL, policy text DEFAULT 'freeze', note text DEFAULT NULL)
    RETURNS TABLE (kpi_key text, first_day date, last_day date, state text)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE COST 1000000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off AS $$
DECLARE
    asked kpi;
    unfilled text;
BEGIN
    PERFORM check_closing(close_period.until, close_period.policy);
    PERFORM lock_current('kpi_closing'); -- one after the other
    IF close_period.kpi IS NOT NULL AND NOT can_close((require_kpi(close_period.kpi)).kind) THEN
        RAISE EXCEPTION 'KPI "%" cannot be closed: it is no sum of days', close_period.kpi USING ERRCODE = 'RM403',
            DETAIL = format('It is of kind %s, computed for a period as a whole.', (require_kpi(close_period.kpi)).kind),
            HINT = 'Close the KPIs that it is made of, where it is derived; or keep its number with check_in or in a table of yours.';
    END IF;
    unfilled := (SELECT string_agg(format('%s (%s)', s.kpi, s.state), ', ' ORDER BY s.kpi) FROM kpi_state(close_period.kpi) s JOIN kpi k ON k.kpi = s.kpi
                 WHERE can_close(k.kind) AND s.state IN ('filling', 'paused', 'broken'));
    IF unfilled IS NOT NULL THEN
        RAISE EXCEPTION 'KPIs have no numbers that could be closed: %', unfilled USING ERRCODE = 'RM403',
            HINT = 'SELECT * FROM @extschema@.status; says what to do. Close them then.';
    END IF;
    FOR asked IN SELECT k.* FROM kpi k WHERE (close_period.kpi IS NULL AND can_close(k.kind) OR k.kpi = close_period.kpi) ORDER BY k.kpi LOOP
        kpi_key := asked.kpi;
        first_day := coalesce((SELECT max(c.until) + 1 FROM kpi_closing c WHERE c.kpi = asked.kpi AND c.reopened_at IS NULL), '-infinity');
        last_day := least(close_period.until, kpi_today() - asked.within_days - 1); -- cohorts that are still young stay open
        state := (SELECT s.state FROM kpi_state(asked.kpi) s);
        CONTINUE WHEN close_period.kpi IS NULL AND coalesce(state <> 'ready', true); -- what nothing feeds has no period
        IF coalesce(state <> 'ready', true) THEN
            RAISE EXCEPTION 'KPI "%" has no numbers that could be closed: %', asked.kpi, coalesce(state, 'not_available') USING ERRCODE = 'RM403',
                HINT = format('SELECT * FROM @extschema@.explain_kpi(%L); says why.', asked.kpi);
        ELSIF first_day > last_day AND close_period.kpi IS NOT NULL THEN
            RAISE EXCEPTION 'KPI "%" is closed until % already', asked.kpi, to_char(first_day - 1, 'YYYY-MM-DD') USING ERRCODE = 'RM403',
                HINT = format('To close it anew type SELECT * FROM @extschema@.reopen_period(%L, %L); first.', to_char(last_day, 'YYYY-MM-DD'), asked.kpi);
        ELSIF first_day <= last_day THEN
            PERFORM close_one(asked, first_day, last_day, close_period.policy, close_period.note);
            state := CASE close_period.policy WHEN 'freeze' THEN 'frozen' ELSE 'restates' END;
            RETURN NEXT;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.close_period(date, text, text, text) IS
'Closes a KPI (NULL: all that are sums of days and have numbers) up to a day, which is over; returns a row for each that was closed: its days since the '
'closing before. policy freeze: all days up to until keep the numbers that they have now, whatever is written, linked or merged later, and the definition of now; '
'of a stock too, which goes on from what is counted on the day after. restate: they move, and crm_bi.kpi_closing says by how much. Of a conversion '
'the cohorts that are still young stay open. derived KPIs follow; distinct, percentile, survival and period ones cannot be closed. For administrators. '
'Errors: RM001 unknown KPI or policy, RM005 a day that is not over, RM403 what cannot be closed, or is. '
'Example: SELECT * FROM crm.close_period(''2026-03-31'', note => ''first quarter'');';
SELECT @extschema@.set_audience('close_period(date, text, text, text)', 'admin');

CREATE FUNCTION @extschema@.reopen_period(since date, kpi text DEFAULT NULL) RETURNS TABLE (kpi_key text, first_day date, last_day date, policy text)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE COST 1000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF reopen_period.since IS NULL THEN
        RAISE EXCEPTION 'reopen_period needs a day' USING ERRCODE = 'RM005', HINT = 'All periods that have that day, or later ones, are opened.';
    END IF;
    PERFORM lock_current('kpi_closing');
    RETURN QUERY
    UPDATE kpi_closing c SET reopened_at = now(), reopened_by = coalesce(current_principal(), caller()::text)
    WHERE c.until >= reopen_period.since AND c.reopened_at IS NULL AND (reopen_period.kpi IS NULL OR c.kpi = reopen_period.kpi)
    RETURNING c.kpi, c.since, c.until, c.policy;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'nothing is closed from % on%', to_char(reopen_period.since, 'YYYY-MM-DD'), coalesce(format(' for KPI "%s"', reopen_period.kpi), '')
            USING ERRCODE = 'RM403', HINT = 'SELECT kpi_key, since, until FROM crm_bi.kpi_closing; lists what is.';
    END IF;
    DELETE FROM kpi_closed_fact f USING kpi_closing c WHERE c.closing = f.closing AND c.reopened_at IS NOT NULL;
END
$$;
COMMENT ON FUNCTION @extschema@.reopen_period(date, text) IS
'Opens all closed periods of a KPI (NULL: of all) that have this day or later ones: their numbers are again what is counted now. Returns what was opened; '
'who closed and opened it stays in kpi_closing. For administrators. Errors: RM005, RM403 where nothing is closed. '
'Example: SELECT * FROM crm.reopen_period(''2026-03-01'', ''won_value'');';
SELECT @extschema@.set_audience('reopen_period(date, text)', 'admin');

CREATE FUNCTION @extschema@.closing_rows()
    RETURNS TABLE (kpi_key text, since date, until date, policy text, frozen boolean, unit_key text, currency text, closed_numerator numeric,
                   closed_denominator numeric, closed_value numeric, counted_numerator numeric, counted_denominator numeric, counted_value numeric,
                   difference numeric, state text, version integer, version_now integer, closed_at timestamptz, closed_by text, note text)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100 COST 1000000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off AS $$
#variable_conflict use_column
DECLARE
    units CONSTANT text[] := units_with_total(); -- without identity an error, also where nothing is closed
BEGIN
    RETURN QUERY
    WITH closed AS MATERIALIZED (
        SELECT c.*, c.until <= closed_until(c.kpi) AS frozen FROM kpi_closing c WHERE c.reopened_at IS NULL
    ), chain AS MATERIALIZED (
        SELECT c.kpi, array_agg(c.since ORDER BY c.until) AS firsts, array_agg(c.until ORDER BY c.until) AS lasts FROM closed c GROUP BY c.kpi
    ), states AS MATERIALIZED (
        SELECT s.kpi, s.state FROM kpi_state(ARRAY(SELECT h.kpi FROM chain h)) s
    ), counts AS MATERIALIZED (
        SELECT h.kpi, n.until, n.unit_key, n.currency, n.numerator, n.denominator
        FROM chain h JOIN states s ON s.kpi = h.kpi AND s.state = 'ready'
        CROSS JOIN LATERAL closing_sums(h.kpi, h.firsts, h.lasts, true) n
    ), sums AS ( -- a unit that was deleted since counts as the organisation
        SELECT p.closing, coalesce(u.unit, root_unit()) AS place, p.currency, sum(p.above) AS above, sum(p.below) AS below, sum(p.now_above) AS now_above,
               sum(p.now_below) AS now_below
        FROM (SELECT x.closing, x.unit_key, x.currency, x.numerator AS above, x.denominator AS below, NULL::numeric AS now_above, NULL::numeric AS now_below
              FROM closed c JOIN kpi_closing_sum x ON x.closing = c.closing
              UNION ALL
              SELECT c.closing, n.unit_key, n.currency, NULL, NULL, n.numerator, n.denominator FROM closed c JOIN counts n ON n.kpi = c.kpi AND n.until = c.until) p
        LEFT JOIN unit u ON u.unit = p.unit_key
        GROUP BY p.closing, coalesce(u.unit, root_unit()), p.currency)
    SELECT c.kpi, CASE WHEN isfinite(c.since) THEN c.since END, c.until, c.policy, c.frozen, o.place, s.currency,
           v.above, v.below, v.worth, v.now_above, v.now_below, v.now_worth, v.now_worth - v.worth,
           coalesce(t.state, 'not_available'), c.kpi_version, k.version, c.closed_at, c.closed_by, c.note
    FROM closed c
    LEFT JOIN sums s ON s.closing = c.closing
    CROSS JOIN LATERAL (SELECT coalesce(s.place, root_unit()) AS place) o
    LEFT JOIN kpi k ON k.kpi = c.kpi
    LEFT JOIN states t ON t.kpi = c.kpi
    CROSS JOIN LATERAL (SELECT coalesce(s.above, 0) AS above, CASE WHEN c.divided THEN coalesce(s.below, 0) END AS below,
                               CASE WHEN t.state = 'ready' THEN coalesce(s.now_above, 0) END AS now_above,
                               CASE WHEN t.state = 'ready' AND k.denominator IS NOT NULL THEN coalesce(s.now_below, 0) END AS now_below) w
    CROSS JOIN LATERAL (SELECT w.*, CASE WHEN c.divided THEN w.above / nullif(w.below, 0) ELSE w.above END AS worth,
                               CASE WHEN k.denominator IS NOT NULL THEN w.now_above / nullif(w.now_below, 0) ELSE w.now_above END AS now_worth) v
    WHERE units IS NULL OR o.place = ANY (units)
    ORDER BY c.kpi, c.until, o.place, s.currency;
END
$$;
COMMENT ON FUNCTION @extschema@.closing_rows() IS 'The rows of crm_bi.kpi_closing.';

CREATE VIEW crm_bi.kpi_closing WITH (security_invoker) AS
SELECT c.kpi_key, c.since, c.until, c.policy, c.frozen, c.unit_key, c.currency,
       @extschema@.reported(c.closed_numerator)::numeric(24,6) AS closed_numerator, @extschema@.reported(c.closed_denominator)::numeric(24,6) AS closed_denominator,
       @extschema@.reported(c.closed_value)::numeric(24,6) AS closed_value, @extschema@.reported(c.counted_numerator)::numeric(24,6) AS counted_numerator,
       @extschema@.reported(c.counted_denominator)::numeric(24,6) AS counted_denominator, @extschema@.reported(c.counted_value)::numeric(24,6) AS counted_value,
       @extschema@.reported(c.difference)::numeric(24,6) AS difference, c.state, c.version::bigint AS version, c.version_now::bigint AS version_now,
       c.closed_at, c.closed_by, c.note
FROM @extschema@.closing_rows() c;
COMMENT ON VIEW crm_bi.kpi_closing IS
'Closed periods of KPIs by unit, of money by currency: what was there when they were closed, what is counted now, and the difference. policy freeze: kpi_value '
'and kpi() go on showing what was closed; restate: they show what is counted now. Of a ratio add numerators and denominators up and divide after. Of units whose '
'totals the caller may see.';
COMMENT ON COLUMN crm_bi.kpi_closing.since IS 'First day of the period: the day after the one that was closed before; NULL where it goes back to the beginning.';
COMMENT ON COLUMN crm_bi.kpi_closing.until IS 'Last day of the period. Of a stock the numbers are of its end.';
COMMENT ON COLUMN crm_bi.kpi_closing.policy IS 'freeze: the numbers stay; restate: they move.';
COMMENT ON COLUMN crm_bi.kpi_closing.frozen IS 'Whether these days are frozen now: by policy, or because a later period was closed with freeze.';
COMMENT ON COLUMN crm_bi.kpi_closing.closed_numerator IS 'Numerator when it was closed.';
COMMENT ON COLUMN crm_bi.kpi_closing.closed_denominator IS 'Denominator when it was closed; NULL where the KPI had none.';
COMMENT ON COLUMN crm_bi.kpi_closing.counted_numerator IS 'Numerator that the facts of now give.';
COMMENT ON COLUMN crm_bi.kpi_closing.counted_denominator IS 'Denominator that the facts of now give.';
COMMENT ON COLUMN crm_bi.kpi_closing.closed_by IS 'Who closed it: the principal, or the database role.';
COMMENT ON COLUMN crm_bi.kpi_closing.note IS 'What was said of it.';
COMMENT ON COLUMN crm_bi.kpi_closing.closed_value IS 'Value when it was closed.';
COMMENT ON COLUMN crm_bi.kpi_closing.counted_value IS 'Value that the facts of now give, by the definition of now; NULL where the KPI has none (state).';
COMMENT ON COLUMN crm_bi.kpi_closing.difference IS 'counted_value less closed_value: what frozen numbers hold back, and by how much others have moved.';
COMMENT ON COLUMN crm_bi.kpi_closing.version IS 'Version of the KPI''s definition when it was closed.';
COMMENT ON COLUMN crm_bi.kpi_closing.version_now IS 'Version of the definition that counted_value goes by.';
GRANT SELECT ON crm_bi.kpi_closing TO PUBLIC;

CREATE FUNCTION @extschema@.closing_status() RETURNS SETOF @extschema@.status_row
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT 'kpi', 'closed periods', 'ok', (SELECT count(*) FROM kpi_closed_fact), min(c.closed_at) FILTER (WHERE c.reopened_at IS NULL),
           format('%s, %s closings of %s KPIs, frozen until %s', pg_size_pretty(pg_total_relation_size('@extschema@.kpi_closed_fact')),
                  count(*) FILTER (WHERE c.reopened_at IS NULL), count(DISTINCT c.kpi) FILTER (WHERE c.reopened_at IS NULL),
                  coalesce(to_char(max(c.until) FILTER (WHERE c.policy = 'freeze' AND c.reopened_at IS NULL), 'YYYY-MM-DD'), 'no day')),
           NULL
    FROM kpi_closing c HAVING count(*) > 0
$$;
COMMENT ON FUNCTION @extschema@.closing_status() IS 'The row of status about closed periods: facts that are kept for them.';
SELECT @extschema@.set_audience('closing_status()', 'admin');
INSERT INTO @extschema@.status_source (function_name, room, kind) VALUES ('closing_status', 'kpi', 'status');
