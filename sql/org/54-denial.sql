-- Denials: what a principal may not do, whatever its roles, its own rows and shares grant.

CREATE TABLE @extschema@.denial (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    principal text NOT NULL REFERENCES @extschema@.principal ON UPDATE CASCADE ON DELETE CASCADE,
    object text NOT NULL CHECK (object <> '' AND pg_catalog.octet_length(object) <= 200),
    privilege text NOT NULL CHECK (privilege = ANY (ARRAY['create', 'read', 'update', 'delete', 'assign', 'share',
                                                          'export', 'merge', 'total', 'story'])),
    unit text REFERENCES @extschema@.unit ON UPDATE CASCADE ON DELETE CASCADE,
    denied_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    denied_by text NOT NULL,
    UNIQUE NULLS NOT DISTINCT (principal, object, privilege, unit)
);
COMMENT ON TABLE @extschema@.denial IS
'What is denied to a principal (a person or a team, and then to its members): a privilege on an object (* for all) in a unit and '
'all below it, or everywhere where unit is null. It wins over every grant, own rows and shares.';

SELECT @extschema@.watch_org('@extschema@.denial');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.denial', '');
SELECT pg_catalog.pg_extension_config_dump(pg_catalog.pg_get_serial_sequence('@extschema@.denial', 'id')::pg_catalog.regclass, '');
