-- What a second session asks while the first one is in the midst of a transaction.

-- The numbers (column n) of the rows that a database role has a privilege on at an instant, as the organisation is now.
CREATE FUNCTION oracle.numbers(role text, relation text, privilege text, at timestamptz) RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT coalesce(string_agg(i ->> 'n', ',' ORDER BY (i -> 'n')::integer), '')
    FROM jsonb_array_elements(oracle.allowed(oracle.asker_of(role), relation, ARRAY[privilege], oracle.rows_of(relation, NULL, NULL), at)
                              -> privilege) i
$$;

-- Whether somebody has a privilege everywhere, or in the fallback unit: what lets a plan be too narrow for its transaction.
CREATE FUNCTION oracle.everywhere(role text, relation text, privilege text, at timestamptz) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT s.fallback IN (SELECT r.unit FROM oracle.reached(oracle.asker_of(role), s.object, at) r WHERE r.privilege = everywhere.privilege)
    FROM oracle.subject s WHERE s.relation = everywhere.relation
$$;

CREATE FUNCTION oracle.begin_round(seed bigint, OUT role text, OUT relation text, OUT scan text, OUT mode text)
    LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM setseed((hashint8(seed) % 1000000) / 1000000.0);
    role := 'regress_oracle_' || oracle.number(0, 6);
    relation := oracle.pick(ARRAY(SELECT s.relation FROM oracle.subject s ORDER BY s.relation));
    scan := oracle.pick(ARRAY['seq', 'index', 'bitmap', 'parallel', 'free']);
    mode := oracle.pick(ARRAY['generic', 'custom']);
END
$$;

-- Memberships of units and teams and shares that begin or end within the next moments, 30 ms apart.
CREATE FUNCTION oracle.set_clocks(seed bigint) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    instant timestamptz := clock_timestamp();
    watched regclass;
    chosen bigint;
    during tstzrange;
BEGIN
    PERFORM setseed((hashint8(seed) % 1000000) / 1000000.0);
    FOREACH watched IN ARRAY ARRAY['crm.membership', 'crm.membership', 'crm.membership', 'crm.membership', 'crm.team_member',
                                   'crm.team_member', 'crm.shared_record', 'crm.shared_record', 'crm.shared_record']::regclass[] LOOP
        instant := instant + interval '30 ms';
        chosen := oracle.some_id(watched);
        during := CASE oracle.number(1, 2) WHEN 1 THEN tstzrange(instant, NULL) ELSE tstzrange(NULL, instant) END;
        EXECUTE format('UPDATE %s SET during = $1 WHERE id = $2', watched) USING during, chosen;
    END LOOP;
END
$$;
