-- Units: the organisation itself at the root, and below it one tree for each hierarchy.

CREATE TABLE @extschema@.hierarchy (
    hierarchy text PRIMARY KEY CHECK (hierarchy <> '' AND hierarchy = pg_catalog.btrim(hierarchy)),
    name text NOT NULL,
    description text
);
COMMENT ON TABLE @extschema@.hierarchy IS
'The trees of the organisation. One is enough (organisation); several make a matrix: by department, by region, by product.';

CREATE TABLE @extschema@.unit (
    unit text PRIMARY KEY
        CHECK (unit <> '' AND unit = pg_catalog.btrim(unit) AND pg_catalog.octet_length(unit) <= 200),
    name text NOT NULL CHECK (name <> '' AND pg_catalog.octet_length(name) <= 200),
    kind text NOT NULL
        CHECK (kind = ANY (ARRAY['business', 'functional', 'geographic', 'product', 'project'])),
    hierarchy text NOT NULL REFERENCES @extschema@.hierarchy,
    parent text REFERENCES @extschema@.unit CHECK (parent <> unit),
    description text,
    since timestamptz NOT NULL DEFAULT pg_catalog.now(),
    until timestamptz,
    CHECK (parent IS NOT NULL OR kind = 'business')
);
CREATE UNIQUE INDEX unit_folded ON @extschema@.unit (pg_catalog.lower(unit));
CREATE UNIQUE INDEX unit_root ON @extschema@.unit ((parent IS NULL)) WHERE parent IS NULL;
CREATE INDEX unit_parent ON @extschema@.unit (parent);
COMMENT ON TABLE @extschema@.unit IS
'Units of the organisation. The one without parent is the organisation itself, of kind business; it stands at the top of '
'every hierarchy. until is set where a unit was retired: its rows stay where they are.';

CREATE TABLE @extschema@.unit_alias (
    hierarchy text NOT NULL REFERENCES @extschema@.hierarchy,
    alias text NOT NULL CHECK (alias <> '' AND pg_catalog.octet_length(alias) <= 200),
    unit text NOT NULL REFERENCES @extschema@.unit ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE UNIQUE INDEX unit_alias_folded ON @extschema@.unit_alias (hierarchy, pg_catalog.lower(alias));
COMMENT ON TABLE @extschema@.unit_alias IS
'What teams write in their own unit columns: names, numbers, uuids. Case is ignored; an alias means one unit of a hierarchy.';

SELECT @extschema@.watch_org('@extschema@.unit');
SELECT @extschema@.watch_org('@extschema@.unit_alias');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.hierarchy', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.unit', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.unit_alias', '');

CREATE VIEW @extschema@.unit_path AS
    WITH RECURSIVE path AS (
        SELECT u.unit AS ancestor, u.unit AS descendant, 0 AS distance FROM @extschema@.unit u
        UNION ALL
        SELECT p.ancestor, u.unit, p.distance + 1
        FROM path p JOIN @extschema@.unit u ON u.parent = p.descendant
    )
    SELECT path.ancestor, path.descendant, path.distance FROM path;
COMMENT ON VIEW @extschema@.unit_path IS
'Every unit with each of its ancestors; every unit is its own ancestor at distance 0.';

GRANT SELECT ON @extschema@.hierarchy, @extschema@.unit, @extschema@.unit_alias, @extschema@.unit_path TO PUBLIC;

CREATE FUNCTION @extschema@.root_unit() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN (SELECT u.unit FROM @extschema@.unit u WHERE u.parent IS NULL);
COMMENT ON FUNCTION @extschema@.root_unit() IS 'The organisation itself; NULL while there is no unit.';

CREATE FUNCTION @extschema@.require_unit(unit text) RETURNS @extschema@.unit
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    found_row unit;
BEGIN
    SELECT * INTO found_row FROM unit u WHERE lower(u.unit) = lower(require_unit.unit);
    IF NOT FOUND THEN
        PERFORM raise_unknown('unit', coalesce(require_unit.unit, ''), ARRAY(SELECT u.unit FROM unit u));
    END IF;
    RETURN found_row;
END
$$;
COMMENT ON FUNCTION @extschema@.require_unit(text) IS 'The unit with this key, case ignored; raises RM001 where there is none.';

-- The tree stays a tree whoever writes it: the functions below, or an administrator with UPDATE.
CREATE FUNCTION @extschema@.check_unit() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    above text := NEW.parent;
    steps integer := 0;
BEGIN
    -- Two moves at the same time could close a circle that neither sees. (The functions take this lock first.)
    LOCK TABLE unit IN SHARE ROW EXCLUSIVE MODE;
    WHILE above IS NOT NULL LOOP
        steps := steps + 1;
        IF above = NEW.unit OR steps > 1000 THEN
            RAISE EXCEPTION 'unit "%" cannot be below "%"', NEW.unit, NEW.parent
                USING ERRCODE = 'RM102', DETAIL = format('"%s" is "%s" or below it.', NEW.parent, NEW.unit),
                      HINT = 'Move the lower unit first, or choose another parent.';
        END IF;
        -- Locked, so that REPEATABLE READ fails where a unit above was moved since its snapshot.
        SELECT u.parent INTO above FROM unit u WHERE u.unit = above FOR SHARE;
    END LOOP;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION @extschema@.check_unit() IS 'Trigger: refuses circles.';
CREATE TRIGGER check_unit BEFORE INSERT OR UPDATE OF parent ON @extschema@.unit
    FOR EACH ROW EXECUTE FUNCTION @extschema@.check_unit();

CREATE FUNCTION @extschema@.create_unit(key text, name text DEFAULT NULL, kind text DEFAULT NULL,
                                        parent text DEFAULT NULL, hierarchy text DEFAULT NULL,
                                        description text DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    kinds CONSTANT text[] := ARRAY['business', 'functional', 'geographic', 'product', 'project'];
    root text := root_unit();
    new_kind text := coalesce(create_unit.kind, CASE WHEN root IS NULL THEN 'business' ELSE 'functional' END);
    above unit;
    tree text;
BEGIN
    LOCK TABLE unit IN SHARE ROW EXCLUSIVE MODE;
    IF NOT new_kind = ANY (kinds) THEN
        PERFORM raise_unknown('kind of unit', new_kind, kinds);
    END IF;
    IF root IS NULL THEN
        IF new_kind <> 'business' OR create_unit.parent IS NOT NULL THEN
            RAISE EXCEPTION 'the first unit is the organisation itself: of kind business, without parent'
                USING ERRCODE = 'RM102',
                      HINT = 'Type SELECT @extschema@.create_unit(''acme'', ''Acme Ltd'', ''business''); first.';
        END IF;
        tree := coalesce(create_unit.hierarchy, 'organisation');
    ELSE
        above := require_unit(coalesce(create_unit.parent, root));
        tree := coalesce(create_unit.hierarchy, above.hierarchy);
        IF above.unit <> root AND tree <> above.hierarchy THEN
            RAISE EXCEPTION 'unit "%" is in hierarchy "%", not "%"', above.unit, above.hierarchy, tree
                USING ERRCODE = 'RM102',
                      HINT = format('A hierarchy begins right below "%s": its top units have that parent.', root);
        END IF;
        IF above.until <= now() THEN
            RAISE EXCEPTION 'unit "%" is retired', above.unit USING ERRCODE = 'RM102',
                HINT = 'Choose a parent that is in use.';
        END IF;
    END IF;
    PERFORM check_unit_word(create_unit.key, tree);
    INSERT INTO hierarchy (hierarchy, name) VALUES (tree, tree) ON CONFLICT DO NOTHING;
    INSERT INTO unit (unit, name, kind, hierarchy, parent, description)
    VALUES (btrim(create_unit.key), coalesce(create_unit.name, btrim(create_unit.key)), new_kind, tree, above.unit,
            create_unit.description);
    RETURN btrim(create_unit.key);
END
$$;

CREATE FUNCTION @extschema@.check_unit_word(word text, hierarchy text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    holder text := (SELECT u.unit FROM unit u WHERE lower(u.unit) = lower(btrim(word)));
BEGIN
    IF coalesce(btrim(word), '') = '' OR octet_length(word) > 200 THEN
        RAISE EXCEPTION 'a unit''s key or alias has 1 to 200 bytes' USING ERRCODE = 'RM005',
            HINT = 'Use a short word, for example ''north''.';
    END IF;
    IF holder IS NOT NULL THEN
        RAISE EXCEPTION 'unit "%" exists already', holder USING ERRCODE = 'unique_violation',
            HINT = 'A key means one unit, whatever its case.';
    END IF;
    holder := (SELECT a.unit FROM unit_alias a
               WHERE a.hierarchy = check_unit_word.hierarchy AND lower(a.alias) = lower(btrim(word)));
    IF holder IS NOT NULL THEN
        RAISE EXCEPTION '"%" is an alias of unit "%" already', word, holder USING ERRCODE = 'unique_violation',
            HINT = format('Type SELECT @extschema@.remove_unit_alias(%L, %L); first.', holder, word);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.check_unit_word(text, text) IS
'Raises 23505 where a word is a unit''s key already, or an alias in this hierarchy.';
COMMENT ON FUNCTION @extschema@.create_unit(text, text, text, text, text, text) IS
'Creates a unit and returns its key. The first one is the organisation itself (kind business); without parent a unit is put '
'right below it. hierarchy names the tree (organisation unless given, otherwise the parent''s); a new one may begin only '
'right below the root. Example: SELECT create_unit(''north'', ''Sales North'', ''geographic'', parent => ''sales'');';

CREATE FUNCTION @extschema@.move_unit(unit text, parent text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    moved unit := require_unit(move_unit.unit);
    above unit := require_unit(move_unit.parent);
BEGIN
    LOCK TABLE unit IN SHARE ROW EXCLUSIVE MODE;
    IF moved.parent IS NULL THEN
        RAISE EXCEPTION 'unit "%" is the organisation itself and cannot be moved', moved.unit USING ERRCODE = 'RM102',
            HINT = 'Move the units below it.';
    END IF;
    IF above.parent IS NOT NULL AND above.hierarchy <> moved.hierarchy THEN
        RAISE EXCEPTION 'unit "%" is in hierarchy "%", not "%"', above.unit, above.hierarchy, moved.hierarchy
            USING ERRCODE = 'RM102', HINT = 'A unit moves within its own hierarchy.';
    END IF;
    UPDATE unit u SET parent = above.unit WHERE u.unit = moved.unit;
END
$$;
COMMENT ON FUNCTION @extschema@.move_unit(text, text) IS
'Puts a unit, with all below it, under another parent of the same hierarchy. RM102 where that would close a circle.';

CREATE FUNCTION @extschema@.retire_unit(unit text, until timestamptz DEFAULT pg_catalog.now()) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    retired unit := require_unit(retire_unit.unit);
    below text := (SELECT string_agg(format('"%s"', u.unit), ', ' ORDER BY u.unit) FROM unit u
                   WHERE u.parent = retired.unit AND (u.until IS NULL OR u.until > retire_unit.until));
BEGIN
    IF below IS NOT NULL OR retired.parent IS NULL THEN
        RAISE EXCEPTION 'unit "%" cannot be retired', retired.unit USING ERRCODE = 'RM102',
            DETAIL = CASE WHEN below IS NULL THEN 'It is the organisation itself.'
                          ELSE format('In use below it: %s.', below) END,
            HINT = 'Retire or move the units below first.';
    END IF;
    UPDATE unit u SET until = retire_unit.until WHERE u.unit = retired.unit;
    DELETE FROM membership m WHERE m.unit = retired.unit AND lower(m.during) >= retire_unit.until;
    UPDATE membership m SET during = m.during * tstzrange(NULL, retire_unit.until)
    WHERE m.unit = retired.unit AND NOT m.during <@ tstzrange(NULL, retire_unit.until);
END
$$;
COMMENT ON FUNCTION @extschema@.retire_unit(text, timestamptz) IS
'Ends a unit and its memberships. Its rows stay: those who see the units above it still do.';

CREATE FUNCTION @extschema@.add_unit_alias(unit text, alias text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    target unit := require_unit(add_unit_alias.unit);
BEGIN
    PERFORM check_unit_word(add_unit_alias.alias, target.hierarchy);
    INSERT INTO unit_alias (hierarchy, alias, unit) VALUES (target.hierarchy, btrim(add_unit_alias.alias), target.unit);
END
$$;
COMMENT ON FUNCTION @extschema@.add_unit_alias(text, text) IS
'Says that a value of the teams'' unit columns means this unit: a name, a number, a uuid, as text. Case is ignored.';

CREATE FUNCTION @extschema@.remove_unit_alias(unit text, alias text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    target unit := require_unit(remove_unit_alias.unit);
BEGIN
    DELETE FROM unit_alias a WHERE a.unit = target.unit AND lower(a.alias) = lower(btrim(remove_unit_alias.alias));
    IF NOT FOUND THEN
        PERFORM raise_unknown('alias', coalesce(remove_unit_alias.alias, ''),
                              ARRAY(SELECT a.alias FROM unit_alias a WHERE a.unit = target.unit));
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.remove_unit_alias(text, text) IS 'Takes back add_unit_alias.';

SELECT @extschema@.set_audience('create_unit(text, text, text, text, text, text)', 'admin');
SELECT @extschema@.set_audience('move_unit(text, text)', 'admin');
SELECT @extschema@.set_audience('retire_unit(text, timestamptz)', 'admin');
SELECT @extschema@.set_audience('add_unit_alias(text, text)', 'admin');
SELECT @extschema@.set_audience('remove_unit_alias(text, text)', 'admin');
