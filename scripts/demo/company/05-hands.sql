-- How people write the same thing in different ways: names, e-mail addresses, telephone numbers.

CREATE FUNCTION demo.respell(given text, family text, u float8) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN CASE WHEN u < 0.45 THEN given || ' ' || family
                WHEN u < 0.58 THEN translate(given || ' ' || family, 'äöüéèøÖÉ', 'aoueeoOE')
                WHEN u < 0.70 THEN replace(replace(replace(replace(given || ' ' || family, 'ä', 'ae'), 'ö', 'oe'), 'ü', 'ue'), 'ß', 'ss')
                WHEN u < 0.80 THEN left(given, 1) || '. ' || family
                WHEN u < 0.88 THEN family || ', ' || given
                WHEN u < 0.94 THEN upper(given || ' ' || family)
                ELSE lower(given || ' ' || family) END;
END
$$;

-- case, a tag, or the dots that a mail service ignores
CREATE FUNCTION demo.readdress(email text, u float8) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN CASE WHEN u < 0.40 THEN email
                WHEN u < 0.60 THEN initcap(split_part(email, '@', 1)) || '@' || split_part(email, '@', 2)
                WHEN u < 0.75 THEN upper(email)
                WHEN email LIKE '%@gmail.com' AND u < 0.90 THEN replace(split_part(email, '@', 1), '.', '') || '@gmail.com'
                WHEN email LIKE '%@gmail.com' THEN split_part(email, '@', 1) || '+northlight@gmail.com'
                ELSE split_part(email, '@', 1) || '@' || initcap(split_part(email, '@', 2)) END;
END
$$;

-- a mobile number: +49 151 1234567, 0049 151/1234567, +49 (151) 123-4567, tel:+491511234567
CREATE FUNCTION demo.redial(dial text, own_number text, u float8) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN CASE WHEN u < 0.30 THEN '+' || dial || ' ' || left(own_number, -7) || ' ' || right(own_number, 7)
                WHEN u < 0.50 THEN '+' || dial || own_number
                WHEN u < 0.70 THEN '00' || dial || ' ' || left(own_number, -7) || '/' || right(own_number, 7)
                WHEN u < 0.85 THEN '+' || dial || ' (' || left(own_number, -7) || ') ' || left(right(own_number, 7), 3) || '-' || right(own_number, 4)
                ELSE '+' || dial || '-' || left(own_number, -7) || '-' || left(right(own_number, 7), 3) || '.' || right(own_number, 4) END;
END
$$;
