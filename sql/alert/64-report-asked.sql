-- The report of crmd: what was asked, and how it is said. Everything here runs as the principal whose report it is (66-report.sql).

CREATE TABLE @extschema@.report_reader (
    principal  text PRIMARY KEY REFERENCES @extschema@.principal ON UPDATE CASCADE ON DELETE CASCADE,
    allowed_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    allowed_by text NOT NULL
);
COMMENT ON TABLE @extschema@.report_reader IS 'the principals for whom crmd may write reports, with their rights; allow_report';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.report_reader', '');

CREATE FUNCTION @extschema@.allow_report(principal text, allowed boolean DEFAULT true)
RETURNS void LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    who principal := require_principal(allow_report.principal);
BEGIN
    IF allowed THEN
        INSERT INTO report_reader AS r (principal, allowed_by) VALUES (who.principal, caller()::text)
        ON CONFLICT ON CONSTRAINT report_reader_pkey DO NOTHING;
    ELSE
        DELETE FROM report_reader r WHERE r.principal = who.principal;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.allow_report(text, boolean) IS
$c$Lets crmd write reports for a principal, with that principal's rights; allowed => false takes it back. Whoever has crmd's password can read
from then on what a report of that principal shows, and nothing else. Error: RM001 no such principal. Example: SELECT crm.allow_report('anna');$c$;
SELECT @extschema@.set_audience('allow_report(text, boolean)', 'admin');

CREATE TYPE @extschema@.report_asked AS (
    principal    text,
    name         text,
    since        date,
    until        date,
    before_since date,
    before_until date,
    grain        text,
    unit         text,
    units        text[],
    today        date,
    currency     text,
    locale       @extschema@.message_locale,
    zone         text
);
COMMENT ON TYPE @extschema@.report_asked IS
'What a report is asked for: for whom, of which days and the days before that they are compared with, by which grain lines are drawn, of which unit '
'with all below it (NULL: all that the principal may see), in whose words.';

CREATE FUNCTION @extschema@.report_word(a @extschema@.report_asked, word text, parts jsonb DEFAULT '{}')
RETURNS text LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, @extschema@, pg_temp
RETURN @extschema@.message_words(((a).locale).language, 'report_' || word, parts);
COMMENT ON FUNCTION @extschema@.report_word(@extschema@.report_asked, text, jsonb) IS 'A sentence of reports in the words of whoever reads it.';

-- A KPI as the extension ships it has a name in each language; what a team called by itself keeps its name.
CREATE FUNCTION @extschema@.report_kpi_label(a @extschema@.report_asked, kpi text)
RETURNS text LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT coalesce(CASE WHEN k.label = s.label THEN message_word((a.locale).language, 'kpi_' || k.kpi) END, k.label, k.kpi)
    FROM kpi k LEFT JOIN shipped_kpi s ON s.kpi = k.kpi WHERE k.kpi = report_kpi_label.kpi
$$;
COMMENT ON FUNCTION @extschema@.report_kpi_label(@extschema@.report_asked, text) IS 'What a KPI is called in a report.';

CREATE FUNCTION @extschema@.report_unit_name(unit text)
RETURNS text LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, @extschema@, pg_temp
RETURN coalesce((SELECT u.name FROM unit u WHERE u.unit = report_unit_name.unit), unit);
COMMENT ON FUNCTION @extschema@.report_unit_name(text) IS 'The name of a unit, or what stands for one.';

CREATE FUNCTION @extschema@.report_value(a @extschema@.report_asked, value numeric, measured_in text)
RETURNS text LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT CASE WHEN value IS NOT NULL THEN said_value(CASE WHEN measured_in = 'share' OR measured_in = 'money' AND abs(value) < 1000 THEN value
                                                            ELSE round(value, CASE WHEN abs(value) >= 1000 THEN 0 WHEN abs(value) >= 10 THEN 1 ELSE 2 END) END, measured_in, a.locale) END
$$;
COMMENT ON FUNCTION @extschema@.report_value(@extschema@.report_asked, numeric, text) IS 'A number as it is written there, with what it counts; from ten on with one decimal, from a thousand on with none. NULL where there is none.';

CREATE FUNCTION @extschema@.report_count(a @extschema@.report_asked, value numeric)
RETURNS text LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, @extschema@, pg_temp
RETURN @extschema@.said_number(value, 0, (a).locale);
COMMENT ON FUNCTION @extschema@.report_count(@extschema@.report_asked, numeric) IS 'A whole number as it is written there.';

CREATE FUNCTION @extschema@.report_month(a @extschema@.report_asked, month date)
RETURNS text LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT said_month(month, a.locale) || ' ' || extract(year FROM month)
$$;
COMMENT ON FUNCTION @extschema@.report_month(@extschema@.report_asked, date) IS 'A month as it is written there.';

-- Of a table in a report: a cell is a text, or {text, sub, tone, parts}.
CREATE FUNCTION @extschema@.report_columns(a @extschema@.report_asked, VARIADIC words text[])
RETURNS jsonb LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT jsonb_agg(jsonb_build_object('label', report_word(a, ltrim(w.word, '+')), 'number', w.word LIKE '+%') ORDER BY w.n) FROM unnest(words) WITH ORDINALITY w (word, n)
$$;
COMMENT ON FUNCTION @extschema@.report_columns(@extschema@.report_asked, text[]) IS 'The columns of a table by their words; those with + hold numbers.';

CREATE FUNCTION @extschema@.report_section(a @extschema@.report_asked, kind text, id text, body jsonb, note text DEFAULT NULL)
RETURNS jsonb LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object('kind', kind, 'id', id, 'title', report_word(a, id), 'note', note)) || body
$$;
COMMENT ON FUNCTION @extschema@.report_section(@extschema@.report_asked, text, text, jsonb, text) IS 'A section of a report.';

CREATE FUNCTION @extschema@.report_more(a @extschema@.report_asked, most bigint, there bigint)
RETURNS text LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT CASE WHEN there > most THEN report_word(a, 'more', jsonb_build_object('count', report_count(a, there - most))) END
$$;
COMMENT ON FUNCTION @extschema@.report_more(@extschema@.report_asked, bigint, bigint) IS 'How many are not shown of those that are there, where at most so many are; NULL where all are.';

CREATE FUNCTION @extschema@.report_headline(a @extschema@.report_asked, word text, count numeric, tone text, whole numeric DEFAULT NULL)
RETURNS jsonb LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT jsonb_build_object('text', report_word(a, 'headline_' || word, jsonb_build_object('count', report_count(a, count), 'all', report_count(a, whole))), 'tone', tone)
$$;
COMMENT ON FUNCTION @extschema@.report_headline(@extschema@.report_asked, text, numeric, text, numeric) IS 'What a section says at the top of a report: so many, or so many of a whole.';
