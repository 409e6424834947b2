-- Units: the organisation itself at the root, and below it one tree for each hierarchy.

CREATE TABLE @extschema@.hierarchy (
    hierarchy text PRIMARY KEY CHECK (hierarchy <> '' AND hierarchy = pg_catalog.btrim(hierarchy)),
    name text NOT NULL,
    description text
);
CREATE UNIQUE INDEX hierarchy_folded ON @extschema@.hierarchy (pg_catalog.lower(hierarchy));
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
    until timestamptz CHECK (until >= since),
    changed_at timestamptz NOT NULL,
    CHECK (parent IS NOT NULL OR kind = 'business')
);
CREATE UNIQUE INDEX unit_folded ON @extschema@.unit (pg_catalog.lower(unit));
CREATE UNIQUE INDEX unit_root ON @extschema@.unit ((parent IS NULL)) WHERE parent IS NULL;
CREATE INDEX unit_parent ON @extschema@.unit (parent);
COMMENT ON TABLE @extschema@.unit IS
'Units of the organisation. The one without parent is the organisation itself, of kind business; it stands at the top of '
'every hierarchy. until is set where a unit was retired, or will be: its rows stay where they are. changed_at is when the state '
'that is written here began; unit_past has those before.';

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
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN (SELECT u.unit FROM unit u WHERE u.parent IS NULL);
END
$$;
COMMENT ON FUNCTION @extschema@.root_unit() IS 'The organisation itself; NULL while there is no unit.';

CREATE FUNCTION @extschema@.require_unit(unit text) RETURNS @extschema@.unit
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    found_row unit;
BEGIN
    SELECT * INTO found_row FROM unit u WHERE lower(u.unit) = lower(require_unit.unit);
    IF NOT FOUND AND root_unit() IS NULL THEN
        RAISE EXCEPTION 'there is no unit yet' USING ERRCODE = 'RM001', HINT = 'SELECT @extschema@.create_unit(''company'', ''Our company''); makes the first.';
    ELSIF NOT FOUND THEN
        PERFORM raise_unknown('unit', coalesce(require_unit.unit, ''), ARRAY(SELECT u.unit FROM unit u));
    END IF;
    RETURN found_row;
END
$$;
COMMENT ON FUNCTION @extschema@.require_unit(text) IS 'The unit with this key, case ignored; raises RM001 where there is none.';

CREATE FUNCTION @extschema@.unit_asked(unit text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN CASE WHEN unit_asked.unit IS NULL THEN root_unit() ELSE (require_unit(unit_asked.unit)).unit END;
END
$$;
COMMENT ON FUNCTION @extschema@.unit_asked(text) IS
'The key of the unit that a call names, or of the organisation where it names none; NULL while there is no unit. Errors: RM001 (require_unit).';

CREATE FUNCTION @extschema@.units_below(unit text) RETURNS TABLE (unit text, distance integer)
    LANGUAGE sql STABLE PARALLEL SAFE COST 1000 ROWS 100 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    WITH RECURSIVE below AS (
        SELECT u.unit, 0 AS distance FROM unit u WHERE u.unit = units_below.unit
        UNION ALL
        SELECT u.unit, b.distance + 1 FROM below b JOIN unit u ON u.parent = b.unit
    )
    SELECT b.unit, b.distance FROM below b
$$;
COMMENT ON FUNCTION @extschema@.units_below(text) IS
'A unit, given by its exact key, and all below it. The rows of unit_path with this ancestor, without reading the others.';

CREATE FUNCTION @extschema@.units_above(unit text) RETURNS TABLE (unit text, distance integer)
    LANGUAGE sql STABLE PARALLEL SAFE COST 100 ROWS 6 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    WITH RECURSIVE above AS (
        SELECT u.unit, u.parent, 0 AS distance FROM unit u WHERE u.unit = units_above.unit
        UNION ALL
        SELECT u.unit, u.parent, a.distance + 1 FROM above a JOIN unit u ON u.unit = a.parent
    )
    SELECT a.unit, a.distance FROM above a
$$;
COMMENT ON FUNCTION @extschema@.units_above(text) IS
'A unit, given by its exact key, and all above it. The rows of unit_path with this descendant, without reading the others.';

-- The tree stays a tree whoever writes it: the functions below, or somebody who was given UPDATE on the table.
CREATE FUNCTION @extschema@.check_unit() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    above unit;
    next_key text := NEW.parent;
    steps integer := 0;
BEGIN
    IF TG_OP = 'UPDATE' AND (NEW.unit <> OLD.unit OR NEW.hierarchy <> OLD.hierarchy) THEN
        RAISE EXCEPTION 'the key and the hierarchy of unit "%" never change', OLD.unit USING ERRCODE = 'RM102',
            DETAIL = 'Facts, goals and the past of the organisation name the unit by them.',
            HINT = format('Type SELECT @extschema@.rename_unit(%L, ''New name''); or create another unit.', OLD.unit);
    END IF;
    -- Two moves at the same time could close a circle that neither sees. (The functions take this lock first.)
    LOCK TABLE unit IN SHARE ROW EXCLUSIVE MODE;
    WHILE next_key IS NOT NULL LOOP
        steps := steps + 1;
        IF next_key = NEW.unit THEN
            RAISE EXCEPTION 'unit "%" cannot be below "%"', NEW.unit, NEW.parent
                USING ERRCODE = 'RM102', DETAIL = format('"%s" is "%s" or below it.', NEW.parent, NEW.unit),
                      HINT = 'Move the lower unit first, or choose another parent.';
        END IF;
        IF steps > 1000 THEN
            RAISE EXCEPTION 'unit "%" would have more than 1000 units above it', NEW.unit USING ERRCODE = 'RM102',
                HINT = 'Choose a parent further up.';
        END IF;
        -- Locked, so that REPEATABLE READ fails where a unit above was moved since its snapshot. In a restore it may not
        -- be there yet.
        SELECT * INTO above FROM unit u WHERE u.unit = next_key FOR SHARE;
        IF steps = 1 AND above.parent IS NOT NULL AND above.hierarchy <> NEW.hierarchy THEN
            RAISE EXCEPTION 'unit "%" is in hierarchy "%", not "%"', above.unit, above.hierarchy, NEW.hierarchy
                USING ERRCODE = 'RM102', HINT = 'A unit stays within its own hierarchy.';
        END IF;
        next_key := above.parent;
    END LOOP;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION @extschema@.check_unit() IS 'Trigger: refuses circles, a parent in another hierarchy, another key.';
SELECT @extschema@.set_audience('check_unit()', 'internal');
CREATE TRIGGER check_unit BEFORE INSERT OR UPDATE OF unit, hierarchy, parent ON @extschema@.unit
    FOR EACH ROW EXECUTE FUNCTION @extschema@.check_unit();

CREATE FUNCTION @extschema@.check_in_use(place @extschema@.unit) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF place.until <= now() THEN
        RAISE EXCEPTION 'unit "%" is retired', place.unit USING ERRCODE = 'RM102',
            HINT = format('Choose one that is in use, or type SELECT @extschema@.reopen_unit(%L);', place.unit);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.check_in_use(@extschema@.unit) IS 'Raises RM102 where a unit is retired.';

CREATE FUNCTION @extschema@.create_hierarchy(key text, name text DEFAULT NULL, description text DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
DECLARE
    word text := btrim(create_hierarchy.key);
    stored text;
BEGIN
    IF coalesce(word, '') = '' OR octet_length(word) > 200 THEN
        RAISE EXCEPTION 'the key of a hierarchy has 1 to 200 bytes' USING ERRCODE = 'RM005',
            HINT = 'Use a short word, for example ''product''.';
    END IF;
    INSERT INTO hierarchy AS h (hierarchy, name, description)
    VALUES (word, coalesce(create_hierarchy.name, word), create_hierarchy.description)
    ON CONFLICT (lower(hierarchy)) DO UPDATE
        SET name = coalesce(create_hierarchy.name, h.name), description = coalesce(create_hierarchy.description, h.description)
    RETURNING h.hierarchy INTO stored;
    RETURN stored;
END
$$;
COMMENT ON FUNCTION @extschema@.create_hierarchy(text, text, text) IS
'Names and describes a tree of units, and makes it where it is not there yet; create_unit makes one by itself too. Returns its key. '
'Example: SELECT create_hierarchy(''product'', ''Product lines'', ''who earns the money'');';

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

-- The hierarchy that a new unit stands in; refuses what cannot be below the given parent.
CREATE FUNCTION @extschema@.hierarchy_below(above @extschema@.unit, hierarchy text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    asked text := btrim(hierarchy_below.hierarchy);
    tree text := coalesce((SELECT h.hierarchy FROM hierarchy h WHERE lower(h.hierarchy) = lower(asked)), asked, above.hierarchy);
BEGIN
    IF above.parent IS NOT NULL AND tree <> above.hierarchy THEN
        RAISE EXCEPTION 'unit "%" is in hierarchy "%", not "%"', above.unit, above.hierarchy, tree
            USING ERRCODE = 'RM102',
                  HINT = format('A hierarchy begins right below "%s": its top units have that parent.', root_unit());
    END IF;
    PERFORM check_in_use(above);
    RETURN tree;
END
$$;
COMMENT ON FUNCTION @extschema@.hierarchy_below(@extschema@.unit, text) IS
'The key of the hierarchy for a unit below another one: the one that is asked for, case ignored, else the parent''s. RM102 where '
'they do not fit or the parent is retired.';

CREATE FUNCTION @extschema@.create_unit(key text, name text DEFAULT NULL, kind text DEFAULT NULL,
                                        parent text DEFAULT NULL, hierarchy text DEFAULT NULL,
                                        description text DEFAULT NULL, roles text[] DEFAULT '{}', members jsonb DEFAULT '{}',
                                        since timestamptz DEFAULT pg_catalog.now()) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    kinds CONSTANT text[] := ARRAY['business', 'functional', 'geographic', 'product', 'project'];
    root text;
    new_key text := btrim(create_unit.key);
    new_kind text;
    above unit;
    tree text;
BEGIN
    PERFORM lock_current('unit');
    root := root_unit();
    new_kind := coalesce(create_unit.kind, CASE WHEN root IS NULL THEN 'business' ELSE 'functional' END);
    IF NOT new_kind = ANY (kinds) THEN
        PERFORM raise_unknown('kind of unit', new_kind, kinds);
    END IF;
    IF root IS NOT NULL THEN
        above := require_unit(coalesce(create_unit.parent, root));
        tree := hierarchy_below(above, create_unit.hierarchy);
    ELSIF new_kind = 'business' AND create_unit.parent IS NULL THEN
        tree := coalesce(btrim(create_unit.hierarchy), 'organisation');
    ELSE
        RAISE EXCEPTION 'the first unit is the organisation itself: of kind business, without parent'
            USING ERRCODE = 'RM102',
                  HINT = 'Type SELECT @extschema@.create_unit(''acme'', ''Acme Ltd'', ''business''); first.';
    END IF;
    PERFORM check_unit_word(new_key, tree);
    PERFORM check_unit_since(new_key, above, create_unit.since);
    IF NOT EXISTS (SELECT FROM hierarchy h WHERE h.hierarchy = tree) THEN
        PERFORM create_hierarchy(tree);
    END IF;
    INSERT INTO unit (unit, name, kind, hierarchy, parent, description, since)
    VALUES (new_key, coalesce(create_unit.name, new_key), new_kind, tree, above.unit, create_unit.description, create_unit.since);
    PERFORM staff_unit(new_key, create_unit.roles, create_unit.members);
    RETURN new_key;
END
$$;
COMMENT ON FUNCTION @extschema@.create_unit(text, text, text, text, text, text, text[], jsonb, timestamptz) IS
'Creates a unit and returns its key. The first one is the organisation itself (kind business); without parent a unit is put '
'right below it. hierarchy names the tree (organisation unless given, otherwise the parent''s); a new one may begin only '
'right below the root. roles are those of all its members; members maps principals to a role, a list of roles or null, or '
'lists principals without roles of their own (["anna", "bob"]). since may lie in the past: reports then know the unit from there on. Errors: RM102, RM001, 23505. Example: '
'SELECT create_unit(''north'', ''Sales North'', ''geographic'', parent => ''sales'', members => ''{"anna": "manager", "bob": null}'');';

CREATE FUNCTION @extschema@.staff_unit(unit text, roles text[], members jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    word text;
BEGIN
    FOREACH word IN ARRAY coalesce(staff_unit.roles, '{}') LOOP
        PERFORM add_unit_role(staff_unit.unit, word);
    END LOOP;
    PERFORM add_members(staff_unit.unit, staff_unit.members);
END
$$;
COMMENT ON FUNCTION @extschema@.staff_unit(text, text[], jsonb) IS
'Gives a new unit its roles and members, as create_unit takes them.';

CREATE FUNCTION @extschema@.move_unit(unit text, parent text, since timestamptz DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    moved unit;
    above unit;
BEGIN
    PERFORM lock_current('unit');
    moved := require_unit(move_unit.unit);
    above := require_unit(move_unit.parent);
    IF moved.parent IS NULL THEN
        RAISE EXCEPTION 'unit "%" is the organisation itself and cannot be moved', moved.unit USING ERRCODE = 'RM102',
            HINT = 'Move the units below it.';
    END IF;
    PERFORM hierarchy_below(above, moved.hierarchy);
    PERFORM check_change_date(moved, move_unit.since);
    IF above.unit <> moved.parent THEN
        UPDATE unit u SET parent = above.unit, changed_at = coalesce(move_unit.since, u.changed_at) WHERE u.unit = moved.unit;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.move_unit(text, text, timestamptz) IS
'Puts a unit, with all below it, under another parent of the same hierarchy; access follows at once. since, which lies in the past, '
'says for reports when it really happened. RM102 where that would close a circle, now or in the past, or the parent is retired. '
'Example: SELECT move_unit(''north'', ''service'', since => ''2026-03-01'');';

CREATE FUNCTION @extschema@.rename_unit(unit text, name text, since timestamptz DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    renamed unit;
    word text := btrim(rename_unit.name);
BEGIN
    PERFORM lock_current('unit');
    renamed := require_unit(rename_unit.unit);
    IF coalesce(word, '') = '' OR octet_length(word) > 200 THEN
        RAISE EXCEPTION 'a unit''s name has 1 to 200 bytes' USING ERRCODE = 'RM005',
            HINT = 'Type for example SELECT @extschema@.rename_unit(''north'', ''Sales North'');';
    END IF;
    PERFORM check_change_date(renamed, rename_unit.since);
    IF word <> renamed.name THEN
        -- What a team wrote as the old name goes on to mean this unit.
        IF resolve_unit(renamed.name, renamed.hierarchy) = renamed.unit AND lower(renamed.name) <> lower(renamed.unit) THEN
            INSERT INTO unit_alias (hierarchy, alias, unit) VALUES (renamed.hierarchy, renamed.name, renamed.unit)
            ON CONFLICT DO NOTHING;
        END IF;
        UPDATE unit u SET name = word, changed_at = coalesce(rename_unit.since, u.changed_at) WHERE u.unit = renamed.unit;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.rename_unit(text, text, timestamptz) IS
'Gives a unit another name; its key stays. Where the old name meant this unit in the teams'' columns it becomes an alias, so that no '
'row changes its unit. since, which lies in the past, says for reports when it was renamed. '
'Example: SELECT rename_unit(''north'', ''Nordic'');';

CREATE FUNCTION @extschema@.describe_unit(unit text, description text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    described unit := require_unit(describe_unit.unit);
BEGIN
    UPDATE unit u SET description = describe_unit.description WHERE u.unit = described.unit;
END
$$;
COMMENT ON FUNCTION @extschema@.describe_unit(text, text) IS 'Gives a unit another description, or none with NULL.';

CREATE FUNCTION @extschema@.retire_unit(unit text, until timestamptz DEFAULT pg_catalog.now()) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    retired unit;
    below text;
    ending timestamptz := greatest(retire_unit.until, now()); -- access that there was is not undone
BEGIN
    PERFORM lock_current('unit', 'membership');
    retired := require_unit(retire_unit.unit);
    below := (SELECT string_agg(format('"%s"', u.unit), ', ' ORDER BY u.unit) FROM unit u
              WHERE u.parent = retired.unit AND (u.until IS NULL OR u.until > retire_unit.until));
    IF below IS NOT NULL OR retired.parent IS NULL THEN
        RAISE EXCEPTION 'unit "%" cannot be retired', retired.unit USING ERRCODE = 'RM102',
            DETAIL = CASE WHEN below IS NULL THEN 'It is the organisation itself.'
                          ELSE format('In use below it: %s.', below) END,
            HINT = 'Retire or move the units below first.';
    END IF;
    IF retire_unit.until IS NULL OR retire_unit.until < retired.since OR retire_unit.until = 'infinity' THEN
        RAISE EXCEPTION 'unit "%" cannot end at %', retired.unit, coalesce(retire_unit.until::text, 'null') USING ERRCODE = 'RM005',
            DETAIL = format('It began on %s.', retired.since),
            HINT = 'Give an instant after its beginning; to take a retirement back type SELECT @extschema@.reopen_unit(...).';
    END IF;
    UPDATE unit u SET until = retire_unit.until WHERE u.unit = retired.unit;
    DELETE FROM membership m WHERE m.unit = retired.unit AND lower(m.during) >= ending;
    UPDATE membership m SET during = m.during * tstzrange(NULL, ending)
    WHERE m.unit = retired.unit AND NOT m.during <@ tstzrange(NULL, ending);
END
$$;
COMMENT ON FUNCTION @extschema@.retire_unit(text, timestamptz) IS
'Ends a unit and its memberships, now or at an instant to come; dated back, memberships end now. Its rows stay: those who see the units above it still do. No member '
'and no unit below it can be added afterwards. RM102 where units below it are in use.';

CREATE FUNCTION @extschema@.reopen_unit(unit text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    reopened unit;
    above unit;
BEGIN
    PERFORM lock_current('unit');
    reopened := require_unit(reopen_unit.unit);
    IF reopened.until IS NULL THEN
        RAISE EXCEPTION 'unit "%" is in use', reopened.unit USING ERRCODE = 'RM102', HINT = 'There is nothing to reopen.';
    END IF;
    SELECT * INTO above FROM unit u WHERE u.unit = reopened.parent;
    IF above.until IS NOT NULL THEN
        RAISE EXCEPTION 'unit "%" above it is retired, or will be', above.unit USING ERRCODE = 'RM102',
            HINT = format('Type SELECT @extschema@.reopen_unit(%L); first, or move "%s".', above.unit, reopened.unit);
    END IF;
    UPDATE unit u SET until = NULL WHERE u.unit = reopened.unit;
END
$$;
COMMENT ON FUNCTION @extschema@.reopen_unit(text) IS
'Takes back retire_unit. The memberships that ended with it stay ended: they take add_member again.';

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

SELECT @extschema@.set_audience('create_hierarchy(text, text, text)', 'admin');
SELECT @extschema@.set_audience('create_unit(text, text, text, text, text, text, text[], jsonb, timestamptz)', 'admin');
SELECT @extschema@.set_audience('move_unit(text, text, timestamptz)', 'admin');
SELECT @extschema@.set_audience('rename_unit(text, text, timestamptz)', 'admin');
SELECT @extschema@.set_audience('describe_unit(text, text)', 'admin');
SELECT @extschema@.set_audience('retire_unit(text, timestamptz)', 'admin');
SELECT @extschema@.set_audience('reopen_unit(text)', 'admin');
SELECT @extschema@.set_audience('add_unit_alias(text, text)', 'admin');
SELECT @extschema@.set_audience('remove_unit_alias(text, text)', 'admin');
