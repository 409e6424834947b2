-- What a statement must do, by the model and by what PostgreSQL documents of policies: the SQLSTATE, the rows that it
-- returns and the whole table afterwards.

CREATE TYPE oracle.outcome AS (
    states text[],          -- foretold: any of these; seen: one
    rows jsonb,             -- returned
    after jsonb,            -- the whole table
    mixed boolean           -- foretold: of the table's rows some are allowed and some are not
);

CREATE FUNCTION oracle.rows_of(target text, condition text, parameter integer) RETURNS jsonb LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    images jsonb;
BEGIN
    EXECUTE format('SELECT coalesce(jsonb_agg(to_jsonb(t) ORDER BY t.n), ''[]'') FROM %s t%s', target, coalesce(' WHERE ' || condition, ''))
        INTO images USING parameter;
    RETURN images;
END
$$;

CREATE FUNCTION oracle.minus(images jsonb, others jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(jsonb_agg(i), '[]') FROM (SELECT jsonb_array_elements(images) EXCEPT ALL SELECT jsonb_array_elements(others)) r (i)
$$;

-- In order of n. NULL others: none of them.
CREATE FUNCTION oracle.common(images jsonb, others jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(jsonb_agg(i ORDER BY (i -> 'n')::integer), '[]')
    FROM (SELECT DISTINCT i FROM jsonb_array_elements(images) i WHERE i IN (SELECT o FROM jsonb_array_elements(others) o)) r (i)
$$;

-- verdict is what oracle.allowed says of every image that the statement touches.
CREATE FUNCTION oracle.may(verdict jsonb, privilege text, image jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(verdict -> privilege @> jsonb_build_array(image), false)
$$;

-- A row that goes to another unit or owner needs assign before and after.
CREATE FUNCTION oracle.may_assign(verdict jsonb, relation text, old_image jsonb, new_image jsonb) RETURNS boolean
    LANGUAGE sql STABLE AS $$
    SELECT NOT EXISTS (SELECT FROM oracle.subject s, unnest(oracle.subject_columns(s.relation)) c
                       WHERE s.relation = may_assign.relation
                         AND (c = s.owner_column OR c IN (SELECT u.value FROM jsonb_each_text(s.units) u))
                         AND old_image -> c IS DISTINCT FROM new_image -> c)
           OR (oracle.may(verdict, 'assign', old_image) AND oracle.may(verdict, 'assign', new_image))
$$;

-- The row after an UPDATE: the server's own arithmetic, on one row at a time.
CREATE FUNCTION oracle.changed(s oracle.statement, old_image jsonb, source jsonb) RETURNS jsonb LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    new_image jsonb;
BEGIN
    EXECUTE format('SELECT to_jsonb(t) || jsonb_build_object(%s) FROM jsonb_populate_record(NULL::%s, $1) t, '
                   'jsonb_populate_record(NULL::%s, $2) s, jsonb_populate_record(NULL::%s, $2) excluded',
                   (SELECT string_agg(format('%L, %s', c, e), ', ') FROM unnest(s.columns, s.expressions) u (c, e)), s.root, s.root, s.root)
        INTO new_image USING old_image, coalesce(source, old_image);
    RETURN new_image;
END
$$;

-- What each row that is looked at would become: from an UPDATE's own rows, or where the source's keys are taken.
CREATE FUNCTION oracle.all_changed(s oracle.statement, before jsonb, looked_at jsonb) RETURNS jsonb LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF s.command IN ('update', 'move') THEN
        RETURN (SELECT coalesce(jsonb_agg(oracle.changed(s, i, NULL)), '[]') FROM jsonb_array_elements(looked_at) i);
    ELSIF s.command IN ('upsert', 'merge') THEN
        RETURN (SELECT coalesce(jsonb_agg(oracle.changed(s, i, n)), '[]')
                FROM jsonb_array_elements(before) i JOIN jsonb_array_elements(s.images) n ON n -> 'id' = i -> 'id');
    END IF;
    RETURN '[]';
END
$$;

CREATE FUNCTION oracle.foretell_select(asker text, s oracle.statement, verdict jsonb, looked_at jsonb, at timestamptz) RETURNS oracle.outcome
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    o oracle.outcome;
    found jsonb := oracle.common(looked_at, verdict -> 'read');
    others jsonb;
BEGIN
    o.states := '{00000}';
    IF s.command = 'lock' THEN
        o.rows := oracle.common(found, verdict -> 'update');
        RETURN o;
    END IF;
    IF s.form IN ('join', 'exists') THEN
        others := coalesce(oracle.allowed(asker, s.images #>> '{}', '{read}', oracle.rows_of(s.images #>> '{}', NULL, NULL), at) -> 'read', '[]');
    END IF;
    o.rows := CASE s.form
        WHEN 'top' THEN (SELECT coalesce(jsonb_agg(r ORDER BY number), '[]') FROM jsonb_array_elements(found) WITH ORDINALITY f (r, number)
                         WHERE number <= 5)
        WHEN 'count' THEN jsonb_build_array(jsonb_array_length(found))
        WHEN 'join' THEN (SELECT coalesce(jsonb_agg(jsonb_build_array(f -> 'n', t -> 'n')), '[]')
                          FROM jsonb_array_elements(found) f JOIN jsonb_array_elements(others) t ON t -> 'n' = f -> 'n')
        WHEN 'exists' THEN (SELECT coalesce(jsonb_agg(f), '[]') FROM jsonb_array_elements(found) f
                            WHERE f -> 'n' IN (SELECT t -> 'n' FROM jsonb_array_elements(others) t))
        ELSE found END;
    RETURN o;
END
$$;

CREATE FUNCTION oracle.foretell_change(s oracle.statement, verdict jsonb, before jsonb, looked_at jsonb) RETURNS oracle.outcome
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    o oracle.outcome;
    old_images jsonb := oracle.common(looked_at, verdict -> CASE s.command WHEN 'delete' THEN 'delete' ELSE 'update' END);
    new_images jsonb := '[]';
    old_image jsonb;
    new_image jsonb;
BEGIN
    o.states := '{00000}';
    o.after := oracle.minus(before, old_images);
    IF s.command = 'delete' THEN
        o.rows := CASE WHEN s.returns_rows THEN old_images ELSE '[]' END;
        RETURN o;
    END IF;
    FOR old_image IN SELECT i FROM jsonb_array_elements(old_images) i LOOP
        new_image := oracle.changed(s, old_image, NULL);
        new_images := new_images || new_image;
        IF NOT oracle.may(verdict, 'update', new_image) OR NOT oracle.may_assign(verdict, s.root, old_image, new_image) THEN
            o.states := '{42501}';
        END IF;
    END LOOP;
    o.rows := CASE WHEN s.returns_rows THEN new_images ELSE '[]' END;
    o.after := o.after || new_images;
    RETURN o;
END
$$;

-- Whether this server evaluates the WHERE of ON CONFLICT DO UPDATE before it asks the policies of the row that is there, as it did
-- before the minor releases of November 2026: tried on a table without crm, once.
CREATE TABLE oracle.condition_first (yes boolean NOT NULL);

CREATE FUNCTION oracle.learn_condition_first() RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    first boolean := true;
BEGIN
    CREATE TABLE oracle.hidden AS SELECT 1 AS id;
    ALTER TABLE oracle.hidden ADD UNIQUE (id);
    GRANT USAGE ON SCHEMA oracle TO regress_oracle_0;
    GRANT ALL ON oracle.hidden TO regress_oracle_0;
    ALTER TABLE oracle.hidden ENABLE ROW LEVEL SECURITY;
    CREATE POLICY read ON oracle.hidden FOR SELECT USING (true);
    CREATE POLICY write ON oracle.hidden FOR INSERT WITH CHECK (true);
    CREATE POLICY change ON oracle.hidden FOR UPDATE USING (false);
    SET LOCAL ROLE regress_oracle_0;
    BEGIN
        INSERT INTO oracle.hidden AS h VALUES (1) ON CONFLICT (id) DO UPDATE SET id = 1 WHERE h.id > 1;
    EXCEPTION WHEN insufficient_privilege THEN
        first := false;
    END;
    RESET ROLE;
    REVOKE USAGE ON SCHEMA oracle FROM regress_oracle_0;
    DROP TABLE oracle.hidden;
    INSERT INTO oracle.condition_first VALUES (first);
    RETURN first;
END
$$;

-- Row after row, as the server inserts them: the first that fails decides. A row that is proposed must pass even where
-- ON CONFLICT then leaves it out. RETURNING and a conflict target read the row, so that it must be readable as well.
CREATE FUNCTION oracle.foretell_insert(s oracle.statement, verdict jsonb, before jsonb) RETURNS oracle.outcome
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    o oracle.outcome;
    has_key boolean := (SELECT x.key_column IS NOT NULL FROM oracle.subject x WHERE x.relation = s.root);
    reads boolean := s.returns_rows OR s.form LIKE 'ON CONFLICT (id)%';
    condition_first boolean := (SELECT c.yes FROM oracle.condition_first c);
    left_out boolean;
    touched jsonb := '[]';
    new_image jsonb;
    old_image jsonb;
BEGIN
    o.states := '{42501}';
    o.rows := '[]';
    o.after := before;
    FOR new_image IN SELECT i FROM jsonb_array_elements(s.images) i LOOP
        IF NOT oracle.may(verdict, 'create', new_image) OR (reads AND NOT oracle.may(verdict, 'read', new_image)) THEN
            RETURN o;
        END IF;
        old_image := (SELECT i FROM jsonb_array_elements(o.after) i WHERE has_key AND i -> 'id' = new_image -> 'id');
        IF old_image IS NOT NULL THEN
            CONTINUE WHEN s.command = 'nothing';
            IF s.command = 'insert' THEN
                o.states := '{23505}';
                RETURN o;
            END IF;
            left_out := s.condition IS NOT NULL AND (old_image -> 'amount')::integer >= 25;
            CONTINUE WHEN left_out AND condition_first;
            IF NOT oracle.may(verdict, 'update', old_image) THEN
                RETURN o;
            END IF;
            CONTINUE WHEN left_out;
            new_image := oracle.changed(s, old_image, new_image);
            IF NOT oracle.may(verdict, 'update', new_image) OR NOT oracle.may_assign(verdict, s.root, old_image, new_image) THEN
                RETURN o;
            END IF;
            o.after := oracle.minus(o.after, jsonb_build_array(old_image));
        END IF;
        o.after := o.after || new_image;
        touched := touched || new_image;
    END LOOP;
    o.states := '{00000}';
    o.rows := CASE WHEN s.returns_rows THEN touched ELSE '[]' END;
    RETURN o;
END
$$;

-- A row that may not be read is not matched. The order of the source is the server's, so that any error of any row may come.
CREATE FUNCTION oracle.foretell_merge(s oracle.statement, verdict jsonb, before jsonb) RETURNS oracle.outcome
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    o oracle.outcome;
    has_key boolean := (SELECT x.key_column IS NOT NULL FROM oracle.subject x WHERE x.relation = s.root);
    errors text[] := '{}';
    source jsonb;
    old_image jsonb;
    new_image jsonb;
BEGIN
    o.rows := '[]';
    o.after := before;
    FOR source IN SELECT i FROM jsonb_array_elements(s.images) i LOOP
        old_image := (SELECT i FROM jsonb_array_elements(before) i WHERE i -> 'id' = source -> 'id');
        IF old_image IS NULL OR NOT oracle.may(verdict, 'read', old_image) THEN
            CONTINUE WHEN s.form LIKE '%, DO NOTHING';
            IF NOT oracle.may(verdict, 'create', source) THEN
                errors := errors || '42501'::text;
            ELSIF old_image IS NOT NULL AND has_key THEN
                errors := errors || '23505'::text;
            END IF;
            o.after := o.after || source;
        ELSIF (old_image -> 'amount')::integer < 25 THEN
            new_image := oracle.changed(s, old_image, source);
            IF NOT oracle.may(verdict, 'update', old_image) OR NOT oracle.may(verdict, 'update', new_image)
               OR NOT oracle.may_assign(verdict, s.root, old_image, new_image) THEN
                errors := errors || '42501'::text;
            END IF;
            o.after := oracle.minus(o.after, jsonb_build_array(old_image)) || new_image;
        ELSIF s.form LIKE 'DELETE,%' THEN
            IF NOT oracle.may(verdict, 'delete', old_image) THEN
                errors := errors || '42501'::text;
            END IF;
            o.after := oracle.minus(o.after, jsonb_build_array(old_image));
        END IF;
    END LOOP;
    o.states := CASE WHEN errors = '{}' THEN '{00000}' ELSE errors END;
    RETURN o;
END
$$;

-- A database role that is no principal: an error, as soon as a row is looked at.
CREATE FUNCTION oracle.foretell_stranger(s oracle.statement, before jsonb, looked_at jsonb) RETURNS oracle.outcome
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    o oracle.outcome;
BEGIN
    o.states := '{RM101}';
    -- The condition may come first and leave nothing to look at.
    IF looked_at = '[]' OR s.form IN ('join', 'exists') OR (s.command = 'merge' AND s.form LIKE '%, DO NOTHING') THEN
        o.states := '{RM101,00000}';
    END IF;
    o.rows := CASE WHEN s.form = 'count' THEN '[0]' ELSE '[]' END;
    o.after := before;
    RETURN o;
END
$$;

CREATE FUNCTION oracle.foretell(asker text, s oracle.statement, before jsonb, at timestamptz) RETURNS oracle.outcome
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    o oracle.outcome;
    sources jsonb := CASE WHEN s.command IN ('insert', 'nothing', 'upsert', 'merge') THEN s.images ELSE '[]' END;
    looked_at jsonb := CASE WHEN sources = '[]' THEN oracle.rows_of(s.target, s.condition, s.parameter) END;
    privileges text[] := CASE s.command WHEN 'select' THEN '{read}' WHEN 'lock' THEN '{read,update}' WHEN 'delete' THEN '{delete}'
                                        WHEN 'update' THEN '{update}' WHEN 'move' THEN '{update,assign}'
                                        WHEN 'insert' THEN '{create,read}' WHEN 'nothing' THEN '{create,read}'
                                        ELSE '{read,create,update,delete,assign}' END;
    verdict jsonb;
BEGIN
    IF asker IS NULL THEN
        RETURN oracle.foretell_stranger(s, before, looked_at);
    END IF;
    verdict := oracle.allowed(asker, s.root, privileges, before || sources || oracle.all_changed(s, before, looked_at), at);
    o := CASE WHEN s.command IN ('select', 'lock') THEN oracle.foretell_select(asker, s, verdict, looked_at, at)
              WHEN s.command IN ('update', 'move', 'delete') THEN oracle.foretell_change(s, verdict, before, looked_at)
              WHEN s.command = 'merge' THEN oracle.foretell_merge(s, verdict, before)
              ELSE oracle.foretell_insert(s, verdict, before) END;
    o.after := coalesce(o.after, before);
    o.mixed := jsonb_array_length(oracle.common(before, verdict -> privileges[1])) NOT IN (0, jsonb_array_length(before));
    RETURN o;
END
$$;
