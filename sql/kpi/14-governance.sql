-- What a definition needs besides its formula: who answers for it, whether it may be relied on, when it holds, over what it adds up.

CREATE TABLE @extschema@.kpi_governance (
    kpi text PRIMARY KEY,
    owner text REFERENCES @extschema@.unit ON UPDATE CASCADE,
    certification text NOT NULL DEFAULT 'draft'
        CHECK (certification OPERATOR(pg_catalog.=) ANY (ARRAY['draft', 'certified', 'deprecated'])),
    certified_by text,
    certified_at timestamptz,
    certified_version integer,
    valid_from date CHECK (pg_catalog.isfinite(valid_from)),
    valid_until date CHECK (pg_catalog.isfinite(valid_until)),
    apart text[] NOT NULL DEFAULT '{}',
    calendar text REFERENCES @extschema@.calendar,
    CHECK (valid_until OPERATOR(pg_catalog.>=) valid_from)
);
COMMENT ON TABLE @extschema@.kpi_governance IS
'Of a KPI, shipped or the team''s: the unit that answers for it; draft, certified or deprecated, with who said so, when, and of which version; '
'the days of which it has a value; and the dimensions over which its facts are not added up (apart), day among them, beyond what its kind tells; and whose working hours it measures. set_kpi writes it.';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.kpi_governance', '');
