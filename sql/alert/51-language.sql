-- In whose words a message is written, and how that person writes numbers, days and money.
CREATE TABLE @extschema@.message_language (
    language text PRIMARY KEY,
    words    json NOT NULL
);
COMMENT ON TABLE @extschema@.message_language IS
'The words of messages, one row a language, word to text. Shipped. Text is ASCII with JSON''s escapes, so that a database of any encoding takes it.';

CREATE TABLE @extschema@.message_locale (
    locale       text PRIMARY KEY,
    language     text NOT NULL,
    decimal_mark text NOT NULL,
    group_mark   text NOT NULL,
    group_from   integer NOT NULL,
    day_order    text NOT NULL CHECK (day_order IN ('dmy', 'mdy')),
    hours        integer NOT NULL CHECK (hours IN (12, 24)),
    money        text NOT NULL,
    per_cent     text NOT NULL
);
COMMENT ON TABLE @extschema@.message_locale IS
'How numbers, days and money are written where a language is spoken. Shipped. group_from: digits from which thousands are grouped.';
INSERT INTO @extschema@.message_locale (locale, language, decimal_mark, group_mark, group_from, day_order, hours, money, per_cent) VALUES
    ('en',    'en', '.', ',', 4, 'dmy', 24, '{sign}{number}',  '{number}%'),
    ('en-GB', 'en', '.', ',', 4, 'dmy', 24, '{sign}{number}',  '{number}%'),
    ('en-US', 'en', '.', ',', 4, 'mdy', 12, '{sign}{number}',  '{number}%'),
    ('es',    'es', ',', '.', 5, 'dmy', 24, '{number} {sign}', '{number} %'),
    ('es-ES', 'es', ',', '.', 5, 'dmy', 24, '{number} {sign}', '{number} %'),
    ('es-MX', 'es', '.', ',', 4, 'dmy', 24, '{sign}{number}',  '{number} %'),
    ('nl',    'nl', ',', '.', 4, 'dmy', 24, '{sign} {number}', '{number}%'),
    ('nl-BE', 'nl', ',', '.', 4, 'dmy', 24, '{sign} {number}', '{number}%'),
    ('nl-NL', 'nl', ',', '.', 4, 'dmy', 24, '{sign} {number}', '{number}%');

CREATE FUNCTION @extschema@.require_locale(language text)
RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    chosen CONSTANT text := (SELECT m.locale FROM message_locale m WHERE lower(m.locale) = lower(replace(btrim(require_locale.language), '_', '-')));
BEGIN
    IF chosen IS NULL THEN
        PERFORM raise_unknown('language', coalesce(language, ''), ARRAY(SELECT m.locale FROM message_locale m ORDER BY 1));
    END IF;
    RETURN chosen;
END
$$;
COMMENT ON FUNCTION @extschema@.require_locale(text) IS 'The locale that a language is written in; raises RM001 where there is none.';

CREATE FUNCTION @extschema@.set_language(principal text, language text, zone text DEFAULT NULL)
RETURNS void LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    who principal := require_principal(set_language.principal);
    chosen CONSTANT text := require_locale(set_language.language);
BEGIN
    PERFORM check_zone(zone);
    UPDATE principal p SET language = chosen, zone = coalesce(set_language.zone, p.zone) WHERE p.principal = who.principal;
END
$$;
COMMENT ON FUNCTION @extschema@.set_language(text, text, text) IS
$c$In which language a principal's messages are written, and how numbers, days and money are: en, en-GB, en-US, es, es-ES, es-MX, nl, nl-BE
or nl-NL; zone: the time zone of the times in them. Errors: RM001 no such principal, language or zone.
Example: SELECT crm.set_language('anna', 'es-MX', 'America/Mexico_City');$c$;

-- What is not known (create_principal takes any) is the language alone, or English.
CREATE FUNCTION @extschema@.message_locale_of(language text)
RETURNS @extschema@.message_locale LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT m FROM message_locale m
    WHERE lower(m.locale) IN (lower(replace(message_locale_of.language, '_', '-')), lower(split_part(replace(message_locale_of.language, '_', '-'), '-', 1)), 'en')
    ORDER BY lower(m.locale) = lower(replace(message_locale_of.language, '_', '-')) DESC, m.locale = 'en' LIMIT 1
$$;
COMMENT ON FUNCTION @extschema@.message_locale_of(text) IS 'How somebody of a language writes: that locale, else its language''s, else English.';

-- A database whose encoding lacks a letter gets the English word.
CREATE FUNCTION @extschema@.message_word(language text, word text)
RETURNS text LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    RETURN (SELECT m.words ->> word FROM message_language m WHERE m.language = message_word.language);
EXCEPTION WHEN untranslatable_character OR feature_not_supported THEN
    RETURN CASE WHEN language = 'en' THEN NULL ELSE message_word('en', word) END;
END
$$;
COMMENT ON FUNCTION @extschema@.message_word(text, text) IS 'A word of messages in a language; NULL where there is none.';

-- {name} of the sentence is replaced in one pass: what a value holds is never looked at again.
CREATE FUNCTION @extschema@.message_words(language text, word text, parts jsonb DEFAULT '{}')
RETURNS text LANGUAGE sql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT string_agg(CASE WHEN t.n % 2 = 1 THEN t.piece ELSE coalesce(parts ->> t.piece, '') END, '' ORDER BY t.n)
    FROM unnest(regexp_split_to_array(message_word(message_words.language, message_words.word), '[{}]')) WITH ORDINALITY t (piece, n)
$$;
COMMENT ON FUNCTION @extschema@.message_words(text, text, jsonb) IS 'A sentence of messages in a language, its {parts} filled in.';

CREATE FUNCTION @extschema@.said_number(value numeric, decimals integer, locale @extschema@.message_locale)
RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    plain CONSTANT text := abs(trim_scale(round(value, decimals)))::text;
    whole text := split_part(plain, '.', 1);
BEGIN
    IF value IN ('NaN', 'Infinity', '-Infinity') THEN
        RETURN value::text;
    END IF;
    IF length(whole) >= locale.group_from THEN
        whole := reverse(regexp_replace(reverse(whole), '([0-9]{3})(?=[0-9])', '\1' || locale.group_mark, 'g'));
    END IF;
    RETURN CASE WHEN round(value, decimals) < 0 THEN '-' ELSE '' END || whole
        || CASE WHEN plain LIKE '%.%' THEN locale.decimal_mark || split_part(plain, '.', 2) ELSE '' END;
END
$$;
COMMENT ON FUNCTION @extschema@.said_number(numeric, integer, @extschema@.message_locale) IS
'A number with at most so many decimals, as it is written there.';

CREATE FUNCTION @extschema@.said_value(value numeric, measured_in text, locale @extschema@.message_locale)
RETURNS text LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    -- money of sums that no currency was set for stays a number
    currency CONSTANT text := CASE measured_in WHEN 'money' THEN home_currency() END;
    unit_word text;
BEGIN
    IF value IS NULL THEN
        RETURN message_word(locale.language, 'no_value');
    ELSIF measured_in = 'share' THEN
        RETURN replace(locale.per_cent, '{number}', said_number(value * 100, 1, locale));
    ELSIF currency IS NOT NULL THEN
        RETURN CASE WHEN value < 0 THEN '-' ELSE '' END
            || replace(replace(locale.money, '{number}', regexp_replace( -- 12.5 is written 12.50
                           said_number(abs(value), CASE WHEN abs(value) >= 1000 THEN 0 ELSE 2 END, locale), '([.,][0-9])$', '\10')),
                       '{sign}', coalesce(message_word(locale.language, 'currency_' || currency),
                                          currency || CASE WHEN locale.money LIKE '{sign}{%' THEN ' ' ELSE '' END));
    END IF;
    unit_word := message_word(locale.language, 'unit_' || measured_in);
    RETURN concat_ws(' ', said_number(value, 2, locale), unit_word);
END
$$;
COMMENT ON FUNCTION @extschema@.said_value(numeric, text, @extschema@.message_locale) IS
'A KPI''s number as it is written there: a share in per cent, money with the organisation''s currency, else the number and what it counts.';

CREATE FUNCTION @extschema@.said_month(day date, locale @extschema@.message_locale)
RETURNS text LANGUAGE sql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT split_part(message_word(locale.language, 'months'), ' ', extract(month FROM day)::integer)
$$;
COMMENT ON FUNCTION @extschema@.said_month(date, @extschema@.message_locale) IS 'The month of a day as it is written there, without the year.';

CREATE FUNCTION @extschema@.said_day(day date, locale @extschema@.message_locale)
RETURNS text LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    month CONSTANT text := said_month(day, locale);
    number CONSTANT text := extract(day FROM day)::text;
    year CONSTANT text := extract(year FROM day)::text;
BEGIN
    RETURN CASE locale.day_order WHEN 'mdy' THEN format('%s %s, %s', month, number, year) ELSE format('%s %s %s', number, month, year) END;
END
$$;
COMMENT ON FUNCTION @extschema@.said_day(date, @extschema@.message_locale) IS 'A day as it is written there.';

CREATE FUNCTION @extschema@.said_days(since date, until date, locale @extschema@.message_locale)
RETURNS text LANGUAGE sql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT message_words(locale.language, 'period_is', jsonb_build_object('since', said_day(since, locale), 'until', said_day(until, locale)))
$$;
COMMENT ON FUNCTION @extschema@.said_days(date, date, @extschema@.message_locale) IS 'A span of days as it is written there.';

CREATE FUNCTION @extschema@.said_clock(at timestamptz, zone text, locale @extschema@.message_locale)
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT to_char(at AT TIME ZONE zone, CASE locale.hours WHEN 12 THEN 'FMHH12:MI AM' ELSE 'HH24:MI' END)
$$;
COMMENT ON FUNCTION @extschema@.said_clock(timestamptz, text, @extschema@.message_locale) IS 'What the clock of a zone says at an instant, as it is written there.';

CREATE FUNCTION @extschema@.said_time(at timestamptz, zone text, locale @extschema@.message_locale)
RETURNS text LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN said_day((at AT TIME ZONE zone)::date, locale) || ', ' || said_clock(at, zone, locale);
END
$$;
COMMENT ON FUNCTION @extschema@.said_time(timestamptz, text, @extschema@.message_locale) IS 'An instant by the clock of a zone, as it is written there.';

CREATE FUNCTION @extschema@.said_hour(at timestamptz, zone text, locale @extschema@.message_locale)
RETURNS text LANGUAGE sql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT message_words(locale.language, 'hour_is', jsonb_build_object('day', said_day((at AT TIME ZONE said_hour.zone)::date, locale),
        'since', said_clock(at, said_hour.zone, locale), 'until', said_clock(at + interval '1 hour', said_hour.zone, locale)))
$$;
COMMENT ON FUNCTION @extschema@.said_hour(timestamptz, text, @extschema@.message_locale) IS 'The hour that begins at an instant, by the clock of a zone, as it is written there.';

SELECT @extschema@.set_audience('set_language(text, text, text)', 'admin');
