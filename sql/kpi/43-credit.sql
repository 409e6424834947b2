-- Credits of a matrix: what a unit brings in counts, where one asks for it, for several units in shares that add up to one.

CREATE TABLE @extschema@.unit_credit (
    unit text NOT NULL,
    credited text NOT NULL,
    weight numeric NOT NULL CHECK (weight > 0 AND weight <= 1 AND weight = pg_catalog.round(weight, 6)),
    during daterange NOT NULL CHECK (NOT pg_catalog.isempty(during)),
    set_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    set_by text NOT NULL,
    PRIMARY KEY (unit, credited, during)
);
COMMENT ON TABLE @extschema@.unit_credit IS
'Units for which what another one brings in counts, and with which weight, on the days of during; on each day the weights of a unit add up to 1, or it '
'has none and keeps all. A unit that was deleted since counts as the organisation.';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.unit_credit', '');

-- Whoever writes the table: on no day is anything lost or counted twice.
CREATE FUNCTION @extschema@.check_credit() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    wrong record;
BEGIN
    SELECT c.unit, c.during, sum(c.weight) AS weight INTO wrong FROM unit_credit c
    WHERE c.unit = ANY (ARRAY[OLD.unit, NEW.unit]) GROUP BY c.unit, c.during HAVING sum(c.weight) <> 1 ORDER BY c.during LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the credits of unit "%" do not add up to 1: %', wrong.unit, wrong.weight USING ERRCODE = 'RM005',
            DETAIL = format('On the days %s.', wrong.during), HINT = 'For example set_credit(''team auto'', ''{"emea": 0.6, "industry auto": 0.4}'');';
    END IF;
    SELECT c.unit, c.during * o.during AS during INTO wrong FROM unit_credit c
    JOIN unit_credit o ON o.unit = c.unit AND o.during && c.during AND o.during <> c.during
    WHERE c.unit = ANY (ARRAY[OLD.unit, NEW.unit]) ORDER BY 2 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the credits of unit "%" overlap', wrong.unit USING ERRCODE = 'RM005',
            DETAIL = format('On the days %s.', wrong.during), HINT = 'set_credit ends what held before.';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION @extschema@.check_credit() IS 'Trigger, when the transaction commits: RM005 where the credits of a unit do not add up to 1, or overlap.';
SELECT @extschema@.set_audience('check_credit()', 'internal');
CREATE CONSTRAINT TRIGGER check_credit AFTER INSERT OR UPDATE OR DELETE ON @extschema@.unit_credit
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION @extschema@.check_credit();

CREATE FUNCTION @extschema@.set_credit(unit text, credits pg_catalog.jsonb, since date DEFAULT NULL, until date DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    source CONSTANT text := (require_unit(set_credit.unit)).unit;
    said CONSTANT jsonb := coalesce(nullif(set_credit.credits, 'null'), '{}');
    days daterange;
    total numeric;
BEGIN
    IF set_credit.since > set_credit.until THEN
        RAISE EXCEPTION 'since and until of a credit are not a period: % to %', to_char(set_credit.since, 'YYYY-MM-DD'), to_char(set_credit.until, 'YYYY-MM-DD')
            USING ERRCODE = 'RM005', HINT = 'Both days are included; leave one out for all days before or after.';
    ELSIF jsonb_typeof(said) <> 'object' OR EXISTS (SELECT FROM jsonb_each(said) e WHERE jsonb_typeof(e.value) <> 'number') THEN
        RAISE EXCEPTION 'credits of a unit are a JSON object, from unit to weight' USING ERRCODE = 'RM005',
            HINT = 'For example set_credit(''team auto'', ''{"emea": 0.6, "industry auto": 0.4}'');';
    END IF;
    days := daterange(nullif(set_credit.since, '-infinity'), nullif(set_credit.until, 'infinity'), '[]');
    PERFORM require_unit(e.key) FROM jsonb_each(said) e;
    total := (SELECT sum(e.value::numeric) FROM jsonb_each(said) e);
    IF total <> 1 OR EXISTS (SELECT FROM jsonb_each(said) e WHERE e.value::numeric <= 0) THEN
        RAISE EXCEPTION 'the credits of unit "%" do not add up to 1: %', source, total USING ERRCODE = 'RM005',
            DETAIL = format('Given was %s; each is above 0.', said),
            HINT = 'Let the last one have what is left, as in {"a": 0.333, "b": 0.333, "c": 0.334}.';
    ELSIF EXISTS (SELECT FROM jsonb_each(said) e WHERE e.value::numeric <> round(e.value::numeric, 6)) THEN
        RAISE EXCEPTION 'a credit of unit "%" has more than six decimals', source USING ERRCODE = 'RM005',
            DETAIL = format('Given was %s.', said), HINT = 'Reports show six, and would not add up.';
    END IF;
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'credits are set in READ COMMITTED' USING ERRCODE = 'RM005',
            DETAIL = 'An older snapshot may not see what somebody else has set meanwhile.', HINT = 'BEGIN ISOLATION LEVEL READ COMMITTED; or without BEGIN.';
    END IF;
    LOCK TABLE unit_credit IN SHARE ROW EXCLUSIVE MODE; -- two at the same time would each see the days of before
    WITH changed AS (
        DELETE FROM unit_credit c WHERE c.unit = source AND c.during && days RETURNING c.*
    )
    INSERT INTO unit_credit (unit, credited, weight, during, set_at, set_by)
    SELECT c.unit, c.credited, c.weight, r.during, c.set_at, c.set_by
    FROM changed c CROSS JOIN LATERAL unnest(datemultirange(c.during) - datemultirange(days)) AS r (during);
    INSERT INTO unit_credit (unit, credited, weight, during, set_by)
    SELECT source, (require_unit(e.key)).unit, sum(e.value::numeric), days, coalesce(current_principal(), caller()::text)
    FROM jsonb_each(said) e GROUP BY 2;
END
$$;
COMMENT ON FUNCTION @extschema@.set_credit(text, pg_catalog.jsonb, date, date) IS
'Says for which units the numbers of a unit count in a matrix, JSON from unit to weight, adding up to exactly 1, up to six decimals each, on the days since to until (both included; '
'default: all). What was said before holds on the other days; ''{}'' takes it back, and the unit keeps its numbers. Only the unit itself, not those below '
'it, and once: what a unit is credited with is not passed on. Numbers change only where somebody asks for credits: crm_bi.kpi(..., credit => ''matrix''), '
'crm_bi.kpi_value_credited. For administrators. Errors: RM001 unknown unit, RM005. '
'Example: SELECT crm.set_credit(''team auto'', ''{"emea": 0.6, "industry auto": 0.4}'', since => ''2026-01-01'');';
SELECT @extschema@.set_audience('set_credit(text, jsonb, date, date)', 'admin');

-- With what a unit keeps, so that every unit adds up to 1 on every day.
CREATE VIEW @extschema@.credit_share AS
SELECT s.unit, s.credited, s.weight, s.during,
       pg_catalog.sum(s.weight) OVER (PARTITION BY s.unit, s.during ORDER BY s.credited ROWS UNBOUNDED PRECEDING) AS share_to
FROM (SELECT c.unit, coalesce(u.unit, @extschema@.root_unit()) AS credited, pg_catalog.sum(c.weight) AS weight, c.during
      FROM @extschema@.unit_credit c LEFT JOIN @extschema@.unit u ON u.unit = c.credited
      GROUP BY c.unit, coalesce(u.unit, @extschema@.root_unit()), c.during
      UNION ALL
      SELECT u.unit, u.unit, 1, r.during
      FROM @extschema@.unit u
      CROSS JOIN LATERAL pg_catalog.unnest('{(,)}'::datemultirange - coalesce((SELECT pg_catalog.range_agg(c.during) FROM @extschema@.unit_credit c WHERE c.unit = u.unit),
                                                                              '{}'::datemultirange)) AS r (during)) s;
COMMENT ON VIEW @extschema@.credit_share IS
'For each unit whom it counts for, with which weight, on which days; a unit keeps what is not credited. The weights of a unit add up to 1 on every day; '
'share_to is their sum up to this row.';
