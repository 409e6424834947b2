-- For the tests attack_*: nora and eve read the rows of north, sven those of south, boss owns the tables, and stan, who may
-- read by Postgres' rights, is no principal. 42 is a value of a hidden row. eve has a schema of her own.
SET client_min_messages = warning;
CREATE ROLE regress_attack_boss;
CREATE ROLE regress_attack_nora;
CREATE ROLE regress_attack_sven;
CREATE ROLE regress_attack_eve LOGIN;
CREATE ROLE regress_attack_stan;
SELECT crm.create_unit('acme', 'Acme', 'business');
SELECT crm.create_unit('north'), crm.create_unit('south');
SELECT crm.create_principal(p, role_name => ('regress_attack_' || p)::name) FROM unnest('{boss,nora,sven,eve}'::text[]) p;
SELECT crm.create_role('seller');
SELECT crm.grant_privilege('seller', '*', p, 'unit') FROM unnest('{read,create,update,delete}'::text[]) p;
SELECT crm.add_member(p, u, 'seller') FROM (VALUES ('nora', 'north'), ('eve', 'north'), ('sven', 'south')) v (p, u);
CREATE TABLE public.deals (id integer PRIMARY KEY, region text, owner text, amount integer, note text, code numeric UNIQUE);
INSERT INTO public.deals VALUES
    (1, 'north', 'nora', 10, 'a northern note', 1.1), (2, 'north', NULL, 20, '2020-02-02', 2.2), (3, 'north', 'eve', 30, '3', 3.3),
    (4, 'south', 'sven', 42, 'a hidden note', 4.4), (5, 'south', NULL, 50, 'not a date', 5.5), (6, NULL, NULL, 60, 'of nobody', 6.6);
CREATE TABLE public.visits (id integer PRIMARY KEY, deal integer REFERENCES public.deals ON DELETE CASCADE ON UPDATE CASCADE, place text);
INSERT INTO public.visits SELECT id * 10, id, region FROM public.deals;
CREATE TABLE public.calls (id integer, region text, amount integer) PARTITION BY RANGE (id);
CREATE TABLE public.calls_low PARTITION OF public.calls FOR VALUES FROM (0) TO (4);
CREATE TABLE public.calls_high PARTITION OF public.calls FOR VALUES FROM (4) TO (100);
INSERT INTO public.calls SELECT id, region, amount FROM public.deals;
ALTER TABLE public.deals OWNER TO regress_attack_boss;
ALTER TABLE public.visits OWNER TO regress_attack_boss;
ALTER TABLE public.calls OWNER TO regress_attack_boss;
ALTER TABLE public.calls_low OWNER TO regress_attack_boss;
ALTER TABLE public.calls_high OWNER TO regress_attack_boss;
GRANT SELECT, INSERT, UPDATE, DELETE, REFERENCES ON public.deals, public.visits, public.calls, public.calls_low, public.calls_high
    TO regress_attack_nora, regress_attack_sven, regress_attack_eve, regress_attack_stan;
SELECT crm.protect(t, '{"organisation": "region"}') FROM unnest('{deals,calls}'::regclass[]) t;
SELECT crm.protect('visits', '{"organisation": "place"}');
CREATE SCHEMA eve AUTHORIZATION regress_attack_eve;
-- What a statement comes to: rows, or all that an error says.
CREATE FUNCTION public.outcome(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    count bigint;
    state text; message text; detail text; hint text; hurt text; col text; type text;
BEGIN
    EXECUTE statement;
    GET DIAGNOSTICS count = ROW_COUNT;
    RETURN count || ' rows';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
        hint = PG_EXCEPTION_HINT, hurt = CONSTRAINT_NAME, col = COLUMN_NAME, type = PG_DATATYPE_NAME;
    RETURN concat_ws(' | ', state, message, NULLIF(detail, ''), NULLIF(hint, ''), NULLIF(hurt, ''), NULLIF(col, ''), NULLIF(type, ''));
END
$$;
RESET client_min_messages;
