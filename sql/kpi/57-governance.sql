-- Over which dimensions KPIs add up, in which zone their days are cut, and what a team says of a definition.

CREATE VIEW @extschema@.kpi_additivity AS
SELECT k.kpi AS kpi_key, d.dimension, d."position", r.reason IS NULL AS additive,
       r.reason IS NULL OR r.parts AND coalesce(NOT (d.dimension = 'currency' AND (m.numerator OR m.denominator)), true) AS parts_additive, r.reason
FROM @extschema@.kpi k
JOIN @extschema@.kpi_money m ON m.kpi = k.kpi
CROSS JOIN (SELECT 'day' AS dimension, 0 AS "position"
            UNION ALL SELECT u.d, u.n FROM pg_catalog.unnest(@extschema@.kpi_dimension_names()) WITH ORDINALITY AS u (d, n)) d
CROSS JOIN LATERAL (
    SELECT CASE WHEN k.kind = 'cumulative' THEN 'counts all days before, too'
                WHEN @extschema@.is_by_period(k.kind) THEN 'is computed from the whole'
                WHEN d.dimension = ANY (k.apart) THEN 'its owner says so'
                WHEN d.dimension = 'day' AND k.date_kind = 'stock' THEN 'a stock: what there is at the end of each day'
                WHEN k.denominator IS NOT NULL THEN 'a ratio: add up numerator and denominator, and divide after'
                WHEN d.dimension = 'currency' AND m.numerator THEN 'money of several currencies: ask for one, into_currency' END AS reason,
           NOT @extschema@.is_by_period(k.kind) AND d.dimension <> ALL (k.apart) AND NOT (d.dimension = 'day' AND k.date_kind = 'stock') AS parts) r;
COMMENT ON VIEW @extschema@.kpi_additivity IS
'For each KPI and dimension whether its values add up over it (additive), and its numerators and denominators (parts_additive); reason says why values do not.';
GRANT SELECT ON @extschema@.kpi_additivity TO PUBLIC;

-- As its components are read; of what is not captured the organisation's.
CREATE VIEW @extschema@.kpi_zone AS
SELECT z.kpi, CASE WHEN pg_catalog.count(DISTINCT z.zone) > 1 THEN 'several' ELSE pg_catalog.min(z.zone) END AS zone
FROM (SELECT t.kpi, coalesce(i.zone, c.zone, @extschema@.default_zone()) AS zone
      FROM @extschema@.kpi_term t JOIN @extschema@.component c USING (component) LEFT JOIN @extschema@.kpi_instance i USING (component)) z
GROUP BY z.kpi;
COMMENT ON VIEW @extschema@.kpi_zone IS 'The time zone that cuts the days of each KPI that has terms; several where its components have different ones.';
GRANT SELECT ON @extschema@.kpi_zone TO PUBLIC;

CREATE FUNCTION @extschema@.set_kpi(kpi text, owner text DEFAULT NULL, certification text DEFAULT NULL, valid_from date DEFAULT NULL,
                                    valid_until date DEFAULT NULL, not_additive text[] DEFAULT NULL, calendar text DEFAULT NULL)
    RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    asked CONSTANT kpi := require_kpi(set_kpi.kpi);
    known CONSTANT text[] := 'day'::text || kpi_dimension_names();
    levels CONSTANT text[] := '{draft,certified,deprecated}';
    wrong CONSTANT text := (SELECT d FROM unnest(not_additive) d WHERE d IS NULL OR d <> ALL (known) LIMIT 1);
    said kpi_governance;
BEGIN
    IF certification IS NOT NULL AND certification <> ALL (levels) THEN
        PERFORM raise_unknown('certification', certification, levels);
    ELSIF wrong IS NOT NULL OR array_position(not_additive, NULL) IS NOT NULL THEN
        PERFORM raise_unknown('dimension', coalesce(wrong, ''), known);
    END IF;
    IF calendar <> '' AND NOT EXISTS (SELECT FROM calendar c WHERE c.calendar = set_kpi.calendar) THEN
        PERFORM raise_unknown('calendar', calendar, ARRAY(SELECT c.calendar FROM calendar c));
    ELSIF calendar <> '' AND NOT EXISTS (SELECT FROM kpi_term t WHERE t.kpi = asked.kpi AND t.component = 'handover_answer' AND t.measure = ANY ('{hours,timed}')) THEN
        RAISE EXCEPTION 'KPI "%" measures no working hours of its own', asked.kpi
            USING ERRCODE = 'RM005', DETAIL = 'A calendar is for KPIs of the hours to the answer of a hand-over. The hours of tickets are those of their service level.',
                  HINT = 'SELECT set_sla(..., calendar => ...) says in whose hours a ticket''s clock runs.';
    END IF;
    SELECT * INTO said FROM kpi_governance g WHERE g.kpi = asked.kpi FOR UPDATE;
    said.kpi := asked.kpi;
    said.owner := CASE WHEN owner IS NULL THEN said.owner WHEN owner <> '' THEN (require_unit(owner)).unit END;
    said.valid_from := CASE WHEN valid_from IS NULL THEN said.valid_from WHEN isfinite(valid_from) THEN valid_from END;
    said.valid_until := CASE WHEN valid_until IS NULL THEN said.valid_until WHEN isfinite(valid_until) THEN valid_until END;
    said.calendar := CASE WHEN calendar IS NULL THEN said.calendar WHEN calendar <> '' THEN calendar END;
    said.apart := CASE WHEN not_additive IS NULL THEN coalesce(said.apart, '{}')
                       ELSE ARRAY(SELECT d FROM unnest(known) WITH ORDINALITY AS k (d, n) WHERE d = ANY (not_additive) ORDER BY n) END;
    IF said.valid_until < said.valid_from THEN
        RAISE EXCEPTION 'KPI "%" would never be valid: from % until %', asked.kpi, said.valid_from, said.valid_until
            USING ERRCODE = 'RM005', HINT = 'Both days are included. valid_from => ''-infinity'' and valid_until => ''infinity'' take them back.';
    ELSIF certification = 'certified' AND said.owner IS NULL THEN
        RAISE EXCEPTION 'KPI "%" has no owner who could stand for it', asked.kpi
            USING ERRCODE = 'RM005', HINT = format('SELECT set_kpi(%L, owner => ''sales'', certification => ''certified'');', asked.kpi);
    ELSIF owner = '' AND asked.certification = 'certified' AND coalesce(certification, 'certified') = 'certified' THEN
        RAISE EXCEPTION 'KPI "%" is certified, so somebody has to stand for it', asked.kpi
            USING ERRCODE = 'RM005', HINT = format('SELECT set_kpi(%L, owner => '''', certification => ''draft'');', asked.kpi);
    END IF;
    said.certification := coalesce(certification, said.certification, 'draft');
    IF certification IS NOT NULL THEN
        said.certified_by := coalesce(current_principal(), caller()::text);
        said.certified_at := now();
        said.certified_version := asked.version;
    END IF;
    INSERT INTO kpi_governance SELECT said.*
    ON CONFLICT ON CONSTRAINT kpi_governance_pkey DO UPDATE
    SET owner = excluded.owner, certification = excluded.certification, certified_by = excluded.certified_by, certified_at = excluded.certified_at,
        certified_version = excluded.certified_version, valid_from = excluded.valid_from, valid_until = excluded.valid_until, apart = excluded.apart,
        calendar = excluded.calendar;
END
$$;
COMMENT ON FUNCTION @extschema@.set_kpi(text, text, text, date, date, text[], text) IS
'Says of a KPI, shipped or one''s own, what its formula does not tell; what is left out stays as it is. owner: the unit that answers for it ('''' takes '
'it back). certification: draft, certified or deprecated, of the version that is read now; a newer version is a draft again; to be certified it needs an owner. '
'valid_from, valid_until: the days that have a value, both included (infinity takes them back); others read NULL with state not_valid. not_additive: '
'dimensions of crm_bi.kpi_value, or day, over which its facts must not be added up although its kind would let them ({}: none): what asks for such a sum '
'reads NULL with state not_additive. calendar: whose working hours count, of KPIs of the hours to the answer of a hand-over ('''': those of its limit). crm_bi.dim_kpi shows it '
'all. Errors: RM001 unknown KPI, unit, certification, dimension or calendar, RM005. '
'Example: SELECT crm.set_kpi(''win_rate'', owner => ''sales'', certification => ''certified'', valid_from => ''2026-01-01'');';
SELECT @extschema@.set_audience('set_kpi(text, text, text, date, date, text[], text)', 'admin');
