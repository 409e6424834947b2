-- What departments agreed on: how soon a hand-over is answered, and the reasons for which it may be refused.

CREATE TABLE @extschema@.handover_limit (
    funnel text NOT NULL REFERENCES @extschema@.funnel,
    from_department text NOT NULL,
    to_department text NOT NULL,
    unit text,
    since timestamptz NOT NULL,
    answer_within interval,
    calendar text NOT NULL REFERENCES @extschema@.calendar,
    set_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    set_by text NOT NULL,
    CONSTRAINT handover_limit_once UNIQUE NULLS NOT DISTINCT (funnel, from_department, to_department, unit, since)
);
COMMENT ON TABLE @extschema@.handover_limit IS
'How much working time of a calendar the receiving department has to answer a hand-over that is offered from since on, until the next '
'row of the same departments and unit; answer_within NULL ends an agreement. unit: of records of this unit and those below it that '
'have no agreement of their own; NULL: of all.';

CREATE TABLE @extschema@.refusal_reason (
    funnel text NOT NULL REFERENCES @extschema@.funnel,
    reason text NOT NULL,
    description text,
    retired_at timestamptz,
    PRIMARY KEY (funnel, reason)
);
CREATE UNIQUE INDEX refusal_reason_name ON @extschema@.refusal_reason (funnel, pg_catalog.lower(reason));
COMMENT ON TABLE @extschema@.refusal_reason IS
'The reasons for which hand-overs of a funnel may be refused; a funnel without any takes what people write.';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.handover_limit', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.refusal_reason', '');
GRANT SELECT ON @extschema@.handover_limit, @extschema@.refusal_reason TO PUBLIC;

CREATE FUNCTION @extschema@.require_department(funnel text, department text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    departments CONSTANT text[] := ARRAY(SELECT DISTINCT s.department FROM funnel_stage s
                                         WHERE s.funnel = require_department.funnel AND s.department IS NOT NULL);
BEGIN
    IF department IS NULL OR department <> ALL (departments) THEN
        PERFORM raise_unknown('department of funnel ' || funnel, department, departments);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.require_department(text, text) IS 'Raises RM001 where no stage of the funnel belongs to the department.';
REVOKE ALL ON FUNCTION @extschema@.require_department(text, text) FROM PUBLIC;

CREATE FUNCTION @extschema@.set_handover_limit(funnel text, from_department text, to_department text, answer_within interval,
                                               calendar text DEFAULT 'default', unit text DEFAULT NULL,
                                               since timestamptz DEFAULT pg_catalog.now()) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM require_funnel(funnel);
    PERFORM require_department(funnel, from_department);
    PERFORM require_department(funnel, to_department);
    IF NOT coalesce(isfinite(since), false) OR answer_within <= interval '0' THEN
        RAISE EXCEPTION 'a limit is a span of working time, and holds from a date on'
            USING ERRCODE = 'RM005', HINT = 'Write answer_within => ''8 hours''; NULL ends an agreement.';
    END IF;
    PERFORM business_deadline(calendar, now(), coalesce(answer_within, interval '0')); -- whether the calendar can serve
    INSERT INTO handover_limit (funnel, from_department, to_department, unit, since, answer_within, calendar, set_by)
    VALUES (funnel, from_department, to_department, CASE WHEN unit IS NOT NULL THEN (require_unit(unit)).unit END, since, answer_within, calendar,
            writer())
    ON CONFLICT ON CONSTRAINT handover_limit_once
    DO UPDATE SET answer_within = excluded.answer_within, calendar = excluded.calendar, set_at = excluded.set_at, set_by = excluded.set_by;
END
$$;
COMMENT ON FUNCTION @extschema@.set_handover_limit(text, text, text, interval, text, text, timestamptz) IS
'Notes within how much working time of a calendar a department answers what another hands over: for hand-overs offered from since on, '
'those before keep the limit that they had. With a unit, for its records and those of the units below; the nearest unit''s counts. '
'NULL ends the agreement. Working time is given in hours. Errors: RM001 no such funnel, department of it, calendar or unit; RM005. '
'Example: SELECT crm.set_handover_limit(''journey'', ''marketing'', ''sales'', ''8 hours'');';
SELECT @extschema@.set_audience('set_handover_limit(text, text, text, interval, text, text, timestamptz)', 'admin');

CREATE VIEW @extschema@.handover_limit_span AS
SELECT l.*
FROM (SELECT x.funnel, x.from_department, x.to_department, x.unit, x.since, x.answer_within, x.calendar,
             coalesce(lead(x.since) OVER (PARTITION BY x.funnel, x.from_department, x.to_department, x.unit ORDER BY x.since), 'infinity') AS until
      FROM @extschema@.handover_limit x) l
JOIN @extschema@.calendar c USING (calendar)
WHERE l.answer_within IS NOT NULL AND c.hours <> '{}';
COMMENT ON VIEW @extschema@.handover_limit_span IS
'The limits with the time for whose offers they hold, without those that ended or whose calendar has no working hours.';

CREATE FUNCTION @extschema@.add_refusal_reason(funnel text, reason text, description text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM require_funnel(funnel);
    IF coalesce(btrim(reason), '') = '' THEN
        RAISE EXCEPTION 'a reason has a name' USING ERRCODE = 'RM005', HINT = 'Write reason => ''no budget''.';
    END IF;
    UPDATE refusal_reason r SET retired_at = NULL, description = coalesce(add_refusal_reason.description, r.description)
    WHERE r.funnel = add_refusal_reason.funnel AND lower(r.reason) = lower(btrim(add_refusal_reason.reason));
    IF NOT FOUND THEN
        INSERT INTO refusal_reason (funnel, reason, description) VALUES (funnel, btrim(reason), description);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.add_refusal_reason(text, text, text) IS
'Adds a reason for which hand-overs of a funnel may be refused, or takes a retired one back; from the first on only these are taken. '
'Errors: RM001 no such funnel, RM005. Example: SELECT crm.add_refusal_reason(''journey'', ''no budget'');';
SELECT @extschema@.set_audience('add_refusal_reason(text, text, text)', 'admin');

CREATE FUNCTION @extschema@.retire_refusal_reason(funnel text, reason text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM require_funnel(funnel);
    UPDATE refusal_reason r SET retired_at = coalesce(r.retired_at, now())
    WHERE r.funnel = retire_refusal_reason.funnel AND lower(r.reason) = lower(btrim(retire_refusal_reason.reason));
    IF NOT FOUND THEN
        PERFORM raise_unknown('refusal reason', reason, ARRAY(SELECT r.reason FROM refusal_reason r WHERE r.funnel = retire_refusal_reason.funnel));
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.retire_refusal_reason(text, text) IS
'A reason that is no longer given; what was refused for it keeps it. Error: RM001 no such funnel or reason.';
SELECT @extschema@.set_audience('retire_refusal_reason(text, text)', 'admin');
