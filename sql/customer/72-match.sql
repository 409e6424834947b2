-- match: whom a form's input could mean, while somebody waits.

-- Before the first resolve there are no keys to look candidates up by. Equal values have indexes; as long as there are few records
-- all of them are looked at for names and addresses that are alike.
CREATE FUNCTION @extschema@.match_young(attributes jsonb, max_rows integer) RETURNS TABLE (record_no bigint)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100 COST 100000 SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    told_email CONSTANT email := try_email(attributes->>'email');
    told_phone CONSTANT text := phone_match_key(try_phone(attributes->>'phone', attributes->>'country'));
    told_name CONSTANT text := concat_ws(' ', attributes->>'given_name', attributes->>'family_name', attributes->>'full_name');
    few CONSTANT boolean := (SELECT count(*) FROM (SELECT FROM record_copy LIMIT resolve_here_limit() + 1) r) <= resolve_here_limit();
BEGIN
    RETURN QUERY
    SELECT f.record_no
    FROM (SELECT c.record_no, 2.0::double precision AS likeness FROM record_copy c WHERE c.tax_key = tax_key(attributes->>'tax_id')
          UNION ALL
          SELECT c.record_no, 2 FROM record_copy c WHERE c.email_key = email_match_key(told_email)
          UNION ALL
          SELECT c.record_no, 2 FROM record_copy c WHERE c.phone_key = told_phone
          UNION ALL
          SELECT a.record_no, a.likeness
          FROM (SELECT c.record_no,
                       greatest(token_similarity(concat_ws(' ', c.given_name, c.family_name, c.full_name), told_name),
                                token_similarity(c.company, attributes->>'company'),
                                jaro_winkler(lower(c.email), lower(attributes->>'email')),
                                CASE WHEN damerau_levenshtein(left(c.phone_key, 20), left(told_phone, 20), 1) <= 1 THEN 1 END) AS likeness
                FROM record_copy c WHERE few) a
          WHERE a.likeness >= 0.7) f
    GROUP BY f.record_no ORDER BY sum(f.likeness) DESC, f.record_no LIMIT max_rows;
END
$$;
COMMENT ON FUNCTION @extschema@.match_young(jsonb, integer) IS
    'For match before the first resolve: records with the same tax id, e-mail or phone, and, of up to resolve_here_limit() records, '
    'those with a name, company, e-mail or phone like it, most alike first. No rights are applied.';
SELECT @extschema@.set_audience('match_young(jsonb, integer)', 'internal');

CREATE FUNCTION @extschema@.match(attributes jsonb, max_rows integer DEFAULT 10)
RETURNS TABLE (relation regclass, record_key text, customer_id bigint, probability double precision, reasons jsonb)
    AS 'MODULE_PATHNAME', 'crm_match' LANGUAGE C STABLE PARALLEL UNSAFE ROWS 10 COST 10000
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp;
COMMENT ON FUNCTION @extschema@.match(jsonb, integer) IS
    'Who among the registered records these attributes could mean: at most max_rows, most probable first, with what speaks for and '
    'against it (attribute, how it agrees, bits). attributes are those that linking compares, and kind. Only records that you '
    'may read. Errors: RM001 (no such attribute), RM005. Example: SELECT * FROM match(''{"full_name": "Ann Lee", "email": '
    '"ann@example.com"}'');';
