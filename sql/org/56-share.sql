-- Shares: single records of protected tables given to a principal, or to the members of a unit.

CREATE TABLE @extschema@.share_change ();
COMMENT ON TABLE @extschema@.share_change IS
'Never holds a row. The same as org_change for shares, which change often: a session then forgets the shares that it knew, and '
'not the organisation.';

CREATE TABLE @extschema@.shared_record (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    relation pg_catalog.regclass NOT NULL,
    record_key text NOT NULL CHECK (record_key <> ''),
    principal text REFERENCES @extschema@.principal ON UPDATE CASCADE ON DELETE CASCADE,
    unit text REFERENCES @extschema@.unit ON UPDATE CASCADE ON DELETE CASCADE,
    privileges text[] NOT NULL
        CHECK (privileges <@ ARRAY['read', 'update', 'delete', 'assign', 'share', 'export', 'merge'] AND 'read' = ANY (privileges)),
    during tstzrange NOT NULL CHECK (NOT pg_catalog.isempty(during)),
    reason text,
    shared_by text NOT NULL,
    ground bigint REFERENCES @extschema@.shared_record ON DELETE CASCADE CHECK (ground <> id),
    CHECK (pg_catalog.num_nonnulls(principal, unit) = 1)
);
CREATE INDEX shared_record_principal ON @extschema@.shared_record (principal, relation) WHERE principal IS NOT NULL;
CREATE INDEX shared_record_unit ON @extschema@.shared_record (unit, relation) WHERE unit IS NOT NULL;
CREATE INDEX shared_record_ground ON @extschema@.shared_record (ground) WHERE ground IS NOT NULL;
CREATE INDEX shared_record_key ON @extschema@.shared_record (relation, record_key);
COMMENT ON TABLE @extschema@.shared_record IS
'Records shared with a principal (a person or a team), or with all members of a unit and of the units below it, with privileges '
'(read always among them), for a time. relation is the protected table itself, never a partition. ground: the share on which its giver''s right rests, where '
'that is another share; it never lasts longer.';

SELECT @extschema@.watch_org('@extschema@.shared_record', 'share_change');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.shared_record', '');
SELECT pg_catalog.pg_extension_config_dump(pg_catalog.pg_get_serial_sequence('@extschema@.shared_record', 'id')::pg_catalog.regclass, '');

-- Sharing a record and ending its shares take turns, or one could be given on the ground of another that ends meanwhile.
CREATE FUNCTION @extschema@.lock_record_shares(relation pg_catalog.regclass, key text) RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT @extschema@.take_turn('@extschema@.shared_record', pg_catalog.hashtext(pg_catalog.concat_ws(' ', relation::oid, key)));
    END;
COMMENT ON FUNCTION @extschema@.lock_record_shares(pg_catalog.regclass, text) IS
'Waits until no other transaction gives or ends shares of a record, and keeps others waiting until this one ends.';
SELECT @extschema@.set_audience('lock_record_shares(regclass, text)', 'internal');

CREATE FUNCTION @extschema@.end_shares_now(shares bigint[]) RETURNS bigint
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    WITH planned AS (DELETE FROM shared_record s WHERE s.id = ANY (shares) AND lower(s.during) >= now() RETURNING s.id),
         lasting AS (UPDATE shared_record s SET during = s.during * tstzrange(NULL, now())
                     WHERE s.id = ANY (shares) AND lower(s.during) < now() AND NOT s.during <@ tstzrange(NULL, now()) RETURNING s.id)
    SELECT (SELECT count(*) FROM planned) + (SELECT count(*) FROM lasting)
$$;
COMMENT ON FUNCTION @extschema@.end_shares_now(bigint[]) IS 'Ends these shares and no others; what has not begun is forgotten. For end_shares.';
SELECT @extschema@.set_audience('end_shares_now(bigint[])', 'internal');

-- Ends shares and all that rest on them.
CREATE FUNCTION @extschema@.end_shares(shares bigint[]) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM lock_record_shares(r.relation, r.record_key)
    FROM (SELECT DISTINCT s.relation, s.record_key FROM shared_record s WHERE s.id = ANY (shares)
          ORDER BY s.relation, s.record_key) r;
    RETURN (
        WITH RECURSIVE chain AS (
            SELECT s.id FROM shared_record s WHERE s.id = ANY (shares)
            UNION
            SELECT s.id FROM chain c JOIN shared_record s ON s.ground = c.id)
        SELECT end_shares_now(ARRAY(SELECT c.id FROM chain c)));
END
$$;
COMMENT ON FUNCTION @extschema@.end_shares(bigint[]) IS
'Ends shares now, with those that were given on the ground of them; what has not begun is forgotten. Returns how many ended.';
SELECT @extschema@.set_audience('end_shares(bigint[])', 'internal');
