-- The organisation of bench/visible: 10,000 units and the company above them, and three people of whom one sees 10
-- units, one 1,000 and one all. A role with BYPASSRLS asks the queries with the condition written by hand, of the
-- same tables.
DO $$
DECLARE
    who text;
BEGIN
    FOREACH who IN ARRAY ARRAY['bench_by_hand', 'bench_10', 'bench_1000', 'bench_all', 'bench_pool'] LOOP
        IF to_regrole(who) IS NULL THEN
            EXECUTE format('CREATE ROLE %I LOGIN', who);
        END IF;
    END LOOP;
    ALTER ROLE bench_by_hand BYPASSRLS;
END
$$;
GRANT SELECT, INSERT, UPDATE, DELETE ON account, sales, sales_by_date, inbox
    TO bench_by_hand, bench_10, bench_1000, bench_all, bench_pool;

SELECT count(crm.create_unit('company', kind => 'business'));
SELECT count(crm.create_unit('unit ' || u, kind => 'geographic', parent => 'company')) FROM generate_series(0, 9999, 1000) u;
SELECT count(crm.create_unit('unit ' || u, parent => 'unit ' || u - u % 1000))
FROM generate_series(0, 9999, 10) u WHERE u % 1000 <> 0;
SELECT count(crm.create_unit('unit ' || u, parent => 'unit ' || u - u % 10))
FROM generate_series(0, 9999) u WHERE u % 10 <> 0;
SELECT count(crm.add_unit_alias('unit ' || u, u::text)) FROM generate_series(0, 9999) u;

SELECT crm.create_principal('owner', role_name => current_user::name);
SELECT crm.create_principal(who, role_name => who::name) FROM unnest('{bench_10,bench_1000,bench_all}'::text[]) who;
SELECT crm.create_role('bench clerk'), crm.create_role('bench head');
SELECT crm.grant_privilege('bench clerk', '*', p, 'below'), crm.grant_privilege('bench head', '*', p, 'organisation')
FROM unnest('{read,create,update,delete}'::text[]) p;
SELECT crm.add_member('bench_10', 'unit 3010', 'bench clerk');
SELECT crm.add_member('bench_1000', 'unit 3000', 'bench clerk');
SELECT crm.add_member('bench_all', 'company', 'bench head');
ANALYZE;
