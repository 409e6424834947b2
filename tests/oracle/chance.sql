-- Chance that a seed repeats: setseed() and random(), asked for one after the other in PL/pgSQL alone.

CREATE FUNCTION oracle.chance(share double precision) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN random() < share;
END
$$;

-- From low to high, both included.
CREATE FUNCTION oracle.number(low integer, high integer) RETURNS integer LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN low + floor(random() * (high - low + 1))::integer;
END
$$;

CREATE FUNCTION oracle.pick(choices text[]) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN choices[oracle.number(1, cardinality(choices))];
END
$$;

-- So many of them, in random order.
CREATE FUNCTION oracle.some(choices text[], how_many integer) RETURNS text[] LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    rest text[] := choices;
    chosen text[] := '{}';
    place integer;
BEGIN
    WHILE cardinality(chosen) < how_many AND cardinality(rest) > 0 LOOP
        place := oracle.number(1, cardinality(rest));
        chosen := chosen || rest[place];
        rest := rest[:place - 1] || rest[place + 1:];
    END LOOP;
    RETURN chosen;
END
$$;

-- One spelling of a word: as it is, lower, upper, Initial Capitals, and now and then one that matches nothing.
CREATE FUNCTION oracle.spell(word text) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    dice double precision := random();
BEGIN
    RETURN CASE WHEN dice < 0.4 THEN word
                WHEN dice < 0.6 THEN lower(word)
                WHEN dice < 0.75 THEN upper(word)
                WHEN dice < 0.9 THEN initcap(word)
                WHEN dice < 0.97 THEN lower(left(word, 1)) || upper(substr(word, 2))
                ELSE word || ' ' END;
END
$$;

-- A period: lasting, ended, to come, or with an end at the very instant at which the statement began.
CREATE FUNCTION oracle.period(lasting double precision) RETURNS tstzrange LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    instant timestamptz := statement_timestamp();
    dice double precision := random();
BEGIN
    IF dice < lasting THEN
        RETURN CASE oracle.number(1, 3) WHEN 1 THEN tstzrange(NULL, NULL)
                                        WHEN 2 THEN tstzrange(instant - interval '1 day', NULL)
                                        ELSE tstzrange(instant - interval '1 day', instant + interval '1 day') END;
    END IF;
    RETURN CASE oracle.number(1, 5) WHEN 1 THEN tstzrange(instant - interval '2 days', instant - interval '1 day')
                                    WHEN 2 THEN tstzrange(instant + interval '1 day', NULL)
                                    WHEN 3 THEN tstzrange(instant, instant + interval '1 day')
                                    WHEN 4 THEN tstzrange(NULL, instant)
                                    ELSE tstzrange(instant - interval '1 day', instant) END;
END
$$;
