-- Two schemas of tables that refer to each other in every way that PostgreSQL has. Every table has a column memo whose values
-- the generator keeps distinct: what became of each row can be told by them, whatever happened to its key.
CREATE SCHEMA hostile;
CREATE SCHEMA "Other.Schéma ""2""";

SELECT count(*) > 0 AS has_citext FROM pg_available_extensions WHERE name = 'citext' \gset
\if :has_citext
CREATE EXTENSION citext SCHEMA hostile;
\else
CREATE DOMAIN hostile.citext AS text;
\endif

CREATE TYPE hostile.mood AS ENUM ('sad', 'Very, "happy"', 'it''s so-so', '');
CREATE DOMAIN hostile.code AS text COLLATE "C" CHECK (VALUE ~ '^[A-Z]');
CREATE DOMAIN hostile.present AS text NOT NULL;
CREATE TYPE hostile.place AS (street text, "No." integer, tags text[]);

-- The customers: a key that is generated always, keys beside it (text without case, a domain, two columns of which each may be
-- NULL), a tree by the key and one by another key, a dropped column, a generated one.
CREATE TABLE hostile."Kunde" (
    gone integer,
    memo text,
    "E-Mail" hostile.citext UNIQUE,
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code hostile.code NOT NULL UNIQUE,
    region text, no integer, UNIQUE (region, no),
    parent bigint REFERENCES hostile."Kunde" ON DELETE SET NULL,
    partner hostile.code REFERENCES hostile."Kunde" (code) ON UPDATE CASCADE ON DELETE SET NULL DEFERRABLE,
    mood hostile.mood, tags text[], place hostile.place, places hostile.place[], photo bytea, amount numeric, ratio double precision,
    small real, since timestamptz, day date, doc jsonb, raw json, period tstzrange, many int4multirange, flag boolean, ident uuid,
    spot point, pause interval, bits bit varying(9), fixed char(5), money_like numeric(10, 2) DEFAULT 7,
    shouted text GENERATED ALWAYS AS (upper(region) || '!') STORED);
ALTER TABLE hostile."Kunde" DROP COLUMN gone;
CREATE UNIQUE INDEX kunde_nick ON hostile."Kunde" (lower(region)) WHERE flag;

-- A tenant's customers: a composite key out of its order in the table, one part of it a domain.
CREATE TABLE hostile.site (
    memo text,
    no smallint NOT NULL,
    tenant uuid NOT NULL,
    head_tenant uuid, head_no smallint,
    label hostile.present,
    PRIMARY KEY (tenant, no),
    FOREIGN KEY (head_no, head_tenant) REFERENCES hostile.site (no, tenant) MATCH FULL ON DELETE SET NULL);

-- A text key that holds anything, in a table and columns with names to match.
CREATE TABLE "Other.Schéma ""2"""."select" (
    "key""quoted.x" text PRIMARY KEY, "Ünïcode %s" text, memo text, "order" numeric(20, 5) UNIQUE);

-- A partitioned parent; one partition came with its columns in another order and holes between them.
CREATE TABLE hostile.account (
    id integer PRIMARY KEY, memo text, kunde bigint REFERENCES hostile."Kunde" ON DELETE CASCADE, label text) PARTITION BY RANGE (id);
CREATE TABLE hostile.account_low (hole text, label text, hole2 integer, memo text, id integer NOT NULL, kunde bigint);
ALTER TABLE hostile.account_low DROP COLUMN hole, DROP COLUMN hole2;
ALTER TABLE hostile.account ATTACH PARTITION hostile.account_low FOR VALUES FROM (MINVALUE) TO (50);
CREATE TABLE hostile.account_high PARTITION OF hostile.account DEFAULT;

-- Children of the customers, by action
CREATE TABLE hostile.orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, memo text, kunde bigint NOT NULL REFERENCES hostile."Kunde" ON DELETE CASCADE ON UPDATE CASCADE,
    amount numeric, doubled numeric GENERATED ALWAYS AS (amount * 2) STORED);
CREATE TABLE "Other.Schéma ""2"""."Mail Log" (
    "N°" serial PRIMARY KEY, memo text, "an E-Mail" hostile.citext REFERENCES hostile."Kunde" ("E-Mail") ON UPDATE CASCADE ON DELETE SET NULL);
CREATE TABLE hostile.by_code (
    id integer PRIMARY KEY, memo text,
    code hostile.code REFERENCES hostile."Kunde" (code) ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED,
    twin hostile.code DEFAULT 'A' REFERENCES hostile."Kunde" (code) ON DELETE SET DEFAULT);
CREATE TABLE hostile.by_region (
    a integer, memo text, no integer, b text, region text, PRIMARY KEY (b, a),
    FOREIGN KEY (region, no) REFERENCES hostile."Kunde" (region, no) ON UPDATE CASCADE ON DELETE SET NULL (no));
CREATE TABLE hostile.old_note (id integer PRIMARY KEY, memo text, kunde bigint);
INSERT INTO hostile.old_note VALUES (-1, 'an orphan', -99);
ALTER TABLE hostile.old_note ADD FOREIGN KEY (kunde) REFERENCES hostile."Kunde" NOT VALID;
-- no key of its own
CREATE TABLE hostile.keyless (kunde bigint REFERENCES hostile."Kunde" ON DELETE CASCADE, memo text, noise double precision);
-- refers twice, and to two tables
CREATE TABLE hostile.introduction (
    id uuid PRIMARY KEY, memo text, who bigint NOT NULL REFERENCES hostile."Kunde", whom bigint REFERENCES hostile."Kunde" ON DELETE SET NULL,
    tenant uuid, no smallint, FOREIGN KEY (tenant, no) REFERENCES hostile.site ON UPDATE CASCADE ON DELETE CASCADE,
    word text REFERENCES "Other.Schéma ""2"""."select" DEFERRABLE);

-- Children that collide: by constraint, partial, by expression, by exclusion, with NULLs that are equal, deferred
CREATE TABLE hostile.profile (kunde bigint PRIMARY KEY REFERENCES hostile."Kunde" ON DELETE CASCADE, memo text, picture bytea);
CREATE TABLE hostile.profile_page (
    profile bigint REFERENCES hostile.profile ON DELETE CASCADE, memo text, page integer, PRIMARY KEY (page, profile));
CREATE TABLE hostile.tag (memo text, tag text CHECK (tag <> 'never'), kunde bigint REFERENCES hostile."Kunde", PRIMARY KEY (kunde, tag));
CREATE TABLE hostile.subscription (id serial PRIMARY KEY, memo text, kunde bigint REFERENCES hostile."Kunde", active boolean);
CREATE UNIQUE INDEX ON hostile.subscription (kunde) WHERE active;
CREATE TABLE hostile.alias (id serial PRIMARY KEY, memo text, kunde bigint REFERENCES hostile."Kunde", name text);
CREATE UNIQUE INDEX ON hostile.alias (lower(name), kunde);
CREATE TABLE hostile.booking (
    id serial PRIMARY KEY, memo text, kunde bigint REFERENCES hostile."Kunde", during int4range,
    EXCLUDE USING gist (int8range(kunde, kunde, '[]') WITH &&, during WITH &&) WHERE (during IS NOT NULL));
CREATE TABLE hostile.contact (
    id serial PRIMARY KEY, memo text, kunde bigint REFERENCES hostile."Kunde", main boolean, UNIQUE NULLS NOT DISTINCT (kunde, main));
CREATE TABLE hostile.rank (
    id serial PRIMARY KEY, memo text, kunde bigint REFERENCES hostile."Kunde", first boolean,
    UNIQUE (kunde, first) DEFERRABLE INITIALLY DEFERRED);

-- A reference that is part of a key that others refer to, without a cascade
CREATE TABLE hostile.contract (
    kunde bigint REFERENCES hostile."Kunde" ON UPDATE RESTRICT, no integer, memo text, PRIMARY KEY (kunde, no));
CREATE TABLE hostile.contract_line (
    kunde bigint, no integer, line integer, memo text, PRIMARY KEY (kunde, no, line),
    FOREIGN KEY (kunde, no) REFERENCES hostile.contract ON UPDATE CASCADE ON DELETE CASCADE);
CREATE TABLE hostile.contract_note (
    id serial PRIMARY KEY, no integer, kunde bigint, memo text,
    FOREIGN KEY (kunde, no) REFERENCES hostile.contract DEFERRABLE INITIALLY DEFERRED);

-- Partitioned children: by time, and by the very reference, which moves the row; the partitions' columns in another order
CREATE TABLE hostile.event (
    kunde bigint REFERENCES hostile."Kunde" ON DELETE CASCADE, at timestamptz NOT NULL, memo text, id integer, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE hostile.event_old (id integer NOT NULL, hole integer, at timestamptz NOT NULL, memo text, kunde bigint);
ALTER TABLE hostile.event_old DROP COLUMN hole;
ALTER TABLE hostile.event ATTACH PARTITION hostile.event_old FOR VALUES FROM ('-infinity') TO ('2020-01-01');
CREATE TABLE hostile.event_new PARTITION OF hostile.event DEFAULT PARTITION BY RANGE (id);
CREATE TABLE hostile.event_new_low PARTITION OF hostile.event_new FOR VALUES FROM (MINVALUE) TO (20);
CREATE TABLE hostile."event new high" (memo text, id integer NOT NULL, kunde bigint, at timestamptz NOT NULL);
ALTER TABLE hostile.event_new ATTACH PARTITION hostile."event new high" DEFAULT;
CREATE UNIQUE INDEX ON hostile.event_old (kunde); -- in these partitions alone
CREATE UNIQUE INDEX ON hostile."event new high" (kunde) WHERE id > 30;
CREATE TABLE hostile.tour (kunde bigint REFERENCES hostile."Kunde" ON UPDATE CASCADE, memo text, id integer, PRIMARY KEY (id, kunde)) PARTITION BY HASH (kunde);
CREATE TABLE hostile.tour_0 PARTITION OF hostile.tour FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE hostile.tour_1 (memo text, id integer NOT NULL, kunde bigint NOT NULL);
ALTER TABLE hostile.tour ATTACH PARTITION hostile.tour_1 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE hostile.movement (id serial PRIMARY KEY, memo text, account integer REFERENCES hostile.account ON UPDATE CASCADE ON DELETE CASCADE);

-- Plain inheritance: each table has its own foreign key; one child has none
CREATE TABLE hostile.visit (id integer PRIMARY KEY, memo text, kunde bigint REFERENCES hostile."Kunde" ON DELETE CASCADE);
CREATE TABLE hostile.long_visit (kunde bigint, id integer PRIMARY KEY, hours integer, FOREIGN KEY (kunde) REFERENCES hostile."Kunde") INHERITS (hostile.visit);
CREATE TABLE hostile.short_visit (minutes integer) INHERITS (hostile.visit);

-- Columns that hold a key and no foreign key says so: soft references
CREATE TABLE "Other.Schéma ""2""".soft (id serial PRIMARY KEY, memo text, "Kunde" bigint, kind text);
