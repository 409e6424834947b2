-- Funnels and their stages: what a team's stage values mean.

CREATE TABLE @extschema@.stage_kind_name (
    kind text PRIMARY KEY,
    progress boolean NOT NULL,
    description text NOT NULL
);
COMMENT ON TABLE @extschema@.stage_kind_name IS
'Kinds of stages. progress: whoever is in such a stage has come past the earlier ones. Shipped.';
INSERT INTO @extschema@.stage_kind_name (kind, progress, description) VALUES
    ('entry', true, 'where subjects come in'),
    ('active', true, 'under way'),
    ('waiting', false, 'on hold; the clock of the department stands still'),
    ('won', true, 'the aim is reached'),
    ('lost', false, 'given up before the aim'),
    ('after_win', true, 'what follows the win'),
    ('churned', false, 'gone after the win');

CREATE TABLE @extschema@.milestone (
    milestone text PRIMARY KEY,
    "position" integer NOT NULL UNIQUE,
    description text NOT NULL
);
COMMENT ON TABLE @extschema@.milestone IS
'What KPIs are defined on, whatever a team calls its stages. position is their usual order. Shipped.';
INSERT INTO @extschema@.milestone (milestone, "position", description) VALUES
    ('visitor', 1, 'somebody seen for the first time, perhaps anonymous'),
    ('lead', 2, 'somebody who can be contacted'),
    ('mql', 3, 'qualified by marketing'),
    ('sal', 4, 'accepted by sales'),
    ('sql', 5, 'qualified by sales, in talk'),
    ('opportunity', 6, 'a deal is on the table'),
    ('won', 7, 'bought'),
    ('live', 8, 'delivered and in use'),
    ('first_value', 9, 'got what was bought for'),
    ('renewed', 10, 'bought again'),
    ('churned', 11, 'left after having bought'),
    ('lost', 12, 'decided against');

CREATE TABLE @extschema@.funnel (
    funnel text PRIMARY KEY,
    subject text NOT NULL,
    label text NOT NULL,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    created_by name NOT NULL
);
COMMENT ON TABLE @extschema@.funnel IS
'Funnels. subject says who goes through it: customer (records of all tables, linked), or an entity (its records). version '
'rises with each change of its stages or rules; funnel_history has the changes.';

CREATE TABLE @extschema@.funnel_stage (
    funnel text NOT NULL REFERENCES @extschema@.funnel,
    stage text NOT NULL,
    "position" integer NOT NULL CHECK ("position" >= 0),
    label text NOT NULL,
    department text,
    kind text NOT NULL,
    milestone text,
    expected interval,
    probability numeric CHECK (probability >= 0 AND probability <= 1),
    retired_at timestamptz,
    successor text,
    read_as text,
    PRIMARY KEY (funnel, stage),
    UNIQUE (funnel, "position")
);
CREATE UNIQUE INDEX funnel_stage_name ON @extschema@.funnel_stage (funnel, pg_catalog.lower(stage));
CREATE UNIQUE INDEX funnel_stage_label ON @extschema@.funnel_stage (funnel, pg_catalog.lower(label));
CREATE UNIQUE INDEX funnel_stage_milestone ON @extschema@.funnel_stage (funnel, milestone) WHERE milestone IS NOT NULL;
COMMENT ON TABLE @extschema@.funnel_stage IS
'Stages of funnels. position orders them and never changes; department is the functional unit that works there; expected is '
'how long a subject should stay; probability is that of a win from here, between 0 and 1, as the team gave it.';
COMMENT ON COLUMN @extschema@.funnel_stage.successor IS 'Of a retired stage: the stage of the funnel that its history counts for. No foreign key: pg_dump would warn of it each time.';
COMMENT ON COLUMN @extschema@.funnel_stage.read_as IS
'Where the successors lead: the stage under which readers see this one''s history; NULL where that is itself.';

CREATE TABLE @extschema@.stage_alias (
    funnel text NOT NULL,
    alias text NOT NULL,
    stage text NOT NULL,
    PRIMARY KEY (funnel, alias),
    FOREIGN KEY (funnel, stage) REFERENCES @extschema@.funnel_stage
);
CREATE UNIQUE INDEX stage_alias_name ON @extschema@.stage_alias (funnel, pg_catalog.lower(alias));
COMMENT ON TABLE @extschema@.stage_alias IS 'Values of a team''s own stage columns that mean a stage; case is ignored.';

-- Stored values of crm.stage and transitions hold positions and keys, so neither may change.
CREATE FUNCTION @extschema@.keep_stage() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'funnel, key and position of stage "%" of funnel "%" never change', OLD.stage, OLD.funnel
        USING ERRCODE = 'RM301', HINT = 'Retire the stage with retire_stage and add another with add_stage.';
END
$$;
COMMENT ON FUNCTION @extschema@.keep_stage() IS 'Refuses what would change the identity or position of a stage.';
REVOKE ALL ON FUNCTION @extschema@.keep_stage() FROM PUBLIC;
CREATE TRIGGER keep_stage BEFORE UPDATE ON @extschema@.funnel_stage FOR EACH ROW
    WHEN (OLD.funnel IS DISTINCT FROM NEW.funnel OR OLD.stage IS DISTINCT FROM NEW.stage OR OLD."position" IS DISTINCT FROM NEW."position")
    EXECUTE FUNCTION @extschema@.keep_stage();

GRANT SELECT ON @extschema@.stage_kind_name, @extschema@.milestone, @extschema@.funnel, @extschema@.funnel_stage,
    @extschema@.stage_alias TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('@extschema@.funnel', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.funnel_stage', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.stage_alias', '');

-- Inlined where it is called.
CREATE FUNCTION @extschema@.stage_spelling(funnel text, value text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN pg_catalog.lower(pg_catalog.btrim(CASE WHEN pg_catalog.starts_with(value, funnel OPERATOR(pg_catalog.||) ':')
                                                  THEN pg_catalog.regexp_replace(value, '^.*:', '') ELSE value END));
COMMENT ON FUNCTION @extschema@.stage_spelling(text, text) IS
'How a team''s value of a stage of a funnel is spelled to be looked up: without the funnel and position before it, as crm.stage writes them, without blanks '
'around it, in small letters.';

CREATE FUNCTION @extschema@.resolve_stage(funnel text, value text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE COST 200
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT found.stage
    FROM (SELECT s.stage, 1 AS rank FROM funnel_stage s
          WHERE s.funnel = resolve_stage.funnel
            AND lower(s.stage) = stage_spelling(resolve_stage.funnel, value)
          UNION ALL
          SELECT a.stage, 2 FROM stage_alias a
          WHERE a.funnel = resolve_stage.funnel AND lower(a.alias) = lower(btrim(value))
          UNION ALL
          SELECT s.stage, 3 FROM funnel_stage s
          WHERE s.funnel = resolve_stage.funnel AND lower(s.label) = lower(btrim(value))) found
    ORDER BY found.rank LIMIT 1
$$;
COMMENT ON FUNCTION @extschema@.resolve_stage(text, text) IS
'The key of the stage of a funnel that a value means: by key (also as crm.stage writes it, funnel:position:key), then by '
'alias, then by label; case and blanks around it ignored. NULL where nothing matches. '
'Example: SELECT crm.resolve_stage(''sales'', ''Closed Won'');';

CREATE FUNCTION @extschema@.stage_milestone(funnel text, value text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE COST 200
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT s.milestone FROM funnel_stage s
    WHERE s.funnel = stage_milestone.funnel AND s.stage = resolve_stage(stage_milestone.funnel, value)
$$;
COMMENT ON FUNCTION @extschema@.stage_milestone(text, text) IS
'The milestone of the stage that a value means in a funnel; NULL where it has none or nothing matches.';

CREATE FUNCTION @extschema@.stage_kind(funnel text, value text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE COST 200
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT s.kind FROM funnel_stage s
    WHERE s.funnel = stage_kind.funnel AND s.stage = resolve_stage(stage_kind.funnel, value)
$$;
COMMENT ON FUNCTION @extschema@.stage_kind(text, text) IS
'The kind (entry, active, waiting, won, lost, after_win, churned) of the stage that a value means in a funnel; NULL where '
'nothing matches.';

CREATE FUNCTION @extschema@.require_funnel(funnel text) RETURNS @extschema@.funnel
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    found_row funnel;
BEGIN
    SELECT * INTO found_row FROM funnel f WHERE f.funnel = require_funnel.funnel;
    IF NOT FOUND THEN
        PERFORM raise_unknown('funnel', funnel, (SELECT array_agg(f.funnel) FROM funnel f));
    END IF;
    RETURN found_row;
END
$$;
COMMENT ON FUNCTION @extschema@.require_funnel(text) IS 'The funnel; raises RM001 where there is none of that name.';

CREATE FUNCTION @extschema@.require_stage(funnel text, value text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    key text := resolve_stage(funnel, value);
BEGIN
    IF key IS NULL THEN
        PERFORM require_funnel(funnel);
        PERFORM raise_unknown('stage', funnel || ':' || value, (SELECT array_agg(s.funnel || ':' || s.stage)
                              FROM funnel_stage s WHERE s.funnel = require_stage.funnel));
    END IF;
    RETURN key;
END
$$;
COMMENT ON FUNCTION @extschema@.require_stage(text, text) IS
'The key of the stage that a value means; raises RM001 with the nearest match where nothing does.';

CREATE FUNCTION @extschema@.require_read_stage(funnel text, value text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN (SELECT coalesce(s.read_as, s.stage) FROM funnel_stage s
            WHERE s.funnel = require_read_stage.funnel AND s.stage = require_stage(require_read_stage.funnel, value));
COMMENT ON FUNCTION @extschema@.require_read_stage(text, text) IS
'The key of the stage under which readers see the history of what a value means: its successor where it is retired into one. '
'Raises RM001 as require_stage does.';
