-- suggest_adopt: what tables probably mean, read from their names, types and keys.

-- How teams name what the standard calls otherwise. Shipped. Words are compared without underscores, case ignored.
CREATE TABLE @extschema@.synonym (
    entity text NOT NULL REFERENCES @extschema@.entity,
    attribute text NOT NULL,
    rank integer NOT NULL,
    word text NOT NULL,
    PRIMARY KEY (entity, attribute, word)
);
COMMENT ON TABLE @extschema@.synonym IS
'Names that columns often have (rank 1 is the surest), and for attribute "" names of tables. Shipped.';

DO $$
DECLARE
    person CONSTANT text :=
        'email: email mail emailaddress e_mail contact_email; phone: phone mobile telephone phone_number tel cell;'
        'full_name: full_name contact_name name customer_name client_name; given_name: first_name given_name forename;'
        'family_name: last_name surname family_name; company: company company_name organisation organization account_name account;'
        'website: website web url domain homepage; address: address street address_1; postcode: postcode zip postal_code plz;'
        'city: city town; region: state province county; country: country country_code office_location;'
        'birth_date: birth_date dob date_of_birth birthday; gender: gender sex; job_title: job_title position role_title;'
        'tax_id: tax_id vat vat_id vat_number nif cif; segment: segment sector industry; created_at: created_at created signed_up '
        'registered_at created_on; unit: region office unit territory branch country; owner: owner rep sales_agent agent '
        'owner_email rep_email account_manager; kind: kind type party_type;';
BEGIN
    INSERT INTO @extschema@.synonym (entity, attribute, rank, word)
    SELECT e.entity, pg_catalog.btrim(pg_catalog.split_part(part, ':', 1)), w.n, pg_catalog.replace(w.word, '_', '')
    FROM (VALUES
        ('customer', person || ': customer customers client clients account accounts contact contacts person people company companies'),
        ('lead', person || 'stage: stage status state; channel: channel source medium contact; campaign: campaign campaign_id;'
            ': lead leads prospect prospects signup signups'),
        ('opportunity', 'customer: customer_id customer account_id account client_id client company_id contact_id; name: name title;'
            'amount: amount value close_value deal_value total price revenue; currency: currency currency_code; '
            'stage: stage status deal_stage state phase; product: product product_id sku; created_at: created_at opened opened_at '
            'engage_date created open_date created_on; closed_at: closed_at closed close_date won_at closed_on; '
            'expected_close_on: expected_close expected_close_on forecast_date; lost_reason: lost_reason reason; '
            'unit: region office unit territory branch; owner: owner rep rep_email sales_agent sales_rep owner_email agent; '
            'campaign: campaign campaign_id;: deal deals opportunity opportunities pipeline sales_pipeline quotes'),
        ('project', 'customer: customer_id customer account_id client_id; opportunity: opportunity_id deal_id deal; '
            'stage: stage status phase state; promised_on: promised_on due_on due_date deadline; started_at: started_at started '
            'kickoff kick_off start_date; live_at: live_at live went_live go_live; created_at: created_at created; '
            'unit: region office unit team; owner: owner lead manager consultant;: project projects onboarding onboardings implementation'),
        ('ticket', 'customer: customer_id customer account_id client_id client contact_id; subject: subject title topic; '
            'channel: channel source; stage: stage status state; priority: priority severity urgency; opened_at: opened_at opened '
            'created_at created; first_response_at: first_response_at first_reply_at first_reply first_response replied_at; '
            'resolved_at: resolved_at resolved closed_at closed solved_at; reopened_count: reopened_count reopened reopens; '
            'satisfaction: satisfaction csat rating score; unit: region office unit team queue; owner: owner agent assignee '
            'assigned_to; product: product product_id;: ticket tickets case cases issue issues request requests helpdesk'),
        ('stage_change', 'record: case_id case record_id ticket_id deal_id record; stage: activity stage event status new_status '
            'to_stage; at: at changed_at timestamp time created_at happened_at; by: by resource user changed_by actor;'
            ': stage_change stage_changes history event_log events log helpdesk'),
        ('touch', 'customer: customer_id customer contact_id client_id person_id; anonymous_id: anonymous_id visitor_id cookie_id '
            'session_id; at: at touched_at occurred_at visited_at created_at time timestamp; channel: channel source medium; '
            'campaign: campaign_id campaign utm_campaign; kind: kind type event; cost: cost;'
            ': touch touches touchpoint touchpoints visit visits pageviews clicks interactions'),
        ('campaign', 'name: name title; channel: channel medium; starts_on: starts_on start_date started starts; ends_on: ends_on '
            'end_date ended ends; budget: budget; currency: currency; supports_unit: supports_unit sales_unit region;'
            ': campaign campaigns'),
        ('spend', 'on_date: on_date day date spent_on; campaign: campaign_id campaign; channel: channel medium; kind: kind type '
            'department; amount: amount cost spend spent total; currency: currency;: spend spending costs ad_spend expenses'),
        ('product', 'name: name product title; category: category series family; list_price: list_price price sales_price; '
            'currency: currency;: product products catalogue catalog items'),
        ('subscription', 'customer: customer_id customer account_id client_id; product: product product_id plan plan_id; '
            'started_on: started_on starts_on start_date started; ended_on: ended_on ends_on end_date ended cancelled_on; '
            'monthly_amount: monthly_amount mrr monthly amount price; currency: currency; stage: stage status state;'
            ': subscription subscriptions contract contracts plans'),
        ('survey', 'customer: customer_id customer client_id contact_id; at: at answered_at created_at submitted_at; kind: kind type; '
            'score: score rating answer nps;: survey surveys nps csat feedback'),
        ('activity', 'customer: customer_id customer account_id contact_id client_id; at: at happened_at created_at; kind: kind type; '
            'subject: subject title note;: activity activities call calls meeting meetings note notes')
    ) AS e (entity, words),
        LATERAL pg_catalog.regexp_split_to_table(e.words, ';\s*') part,
        LATERAL pg_catalog.regexp_split_to_table(pg_catalog.btrim(pg_catalog.split_part(part, ':', 2)), '\s+')
            WITH ORDINALITY AS w (word, n)
    WHERE pg_catalog.btrim(part) <> ''
    ON CONFLICT DO NOTHING;
END
$$;

CREATE FUNCTION @extschema@.kind_fits(kind text, type pg_catalog.regtype) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT CASE kind
               WHEN 'time' THEN t.typname IN ('timestamptz', 'timestamp', 'date')
               WHEN 'date' THEN t.typname IN ('timestamptz', 'timestamp', 'date')
               WHEN 'number' THEN t.typcategory = 'N' AND t.typname <> 'money'
               WHEN 'integer' THEN t.typname IN ('int2', 'int4', 'int8')
               WHEN 'boolean' THEN t.typname = 'bool'
               WHEN 'json' THEN t.typname IN ('json', 'jsonb')
               WHEN 'text' THEN t.typcategory IN ('S', 'E') OR t.typname IN ('email', 'phone', 'int2', 'int4', 'int8')
               ELSE t.typcategory IN ('S', 'E', 'N') OR t.typname = 'uuid' END
    FROM pg_type t WHERE t.oid = type
$$;
COMMENT ON FUNCTION @extschema@.kind_fits(text, pg_catalog.regtype) IS
'Whether a column of a type can be mapped to an attribute of a kind without an expression.';

CREATE FUNCTION @extschema@.suggest_columns(relation pg_catalog.regclass, entity text, OUT columns jsonb, OUT score integer)
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    WITH candidate AS (
        SELECT s.attribute, a.attname, s.rank,
               (foreign_key_target(relation, a.attname) IS NOT NULL AND e.kind = 'reference') AS has_key
        FROM pg_attribute a
        JOIN synonym s ON s.entity = suggest_columns.entity AND s.word = replace(lower(a.attname), '_', '')
        JOIN entity_attribute e ON e.entity = s.entity AND e.attribute = s.attribute
        WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND kind_fits(e.kind, a.atttypid)
    ), -- each attribute takes its best column, each column serves its best attribute
    best AS (
        SELECT DISTINCT ON (c.attname) c.* FROM (
            SELECT DISTINCT ON (attribute) * FROM candidate ORDER BY attribute, has_key DESC, rank, attname) c
        ORDER BY c.attname, c.rank, c.attribute
    )
    SELECT jsonb_object_agg(attribute, attname ORDER BY attribute), count(*)::integer
    FROM best
$$;
COMMENT ON FUNCTION @extschema@.suggest_columns(pg_catalog.regclass, text) IS
'The mapping that the names, types and foreign keys of a table suggest for an entity, and how many attributes it has.';

CREATE FUNCTION @extschema@.suggest_adopt(relation pg_catalog.regclass DEFAULT NULL)
    RETURNS TABLE (relation_name text, entity text, confidence text, rows bigint, call text)
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    WITH team_table AS (
        SELECT c.oid::regclass AS rel, c.relname, n.nspname, greatest(c.reltuples, 0)::bigint AS rows
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND NOT c.relispartition
          AND n.oid <> '@extschema@'::regnamespace AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\_%'
          AND (suggest_adopt.relation IS NULL OR c.oid = suggest_adopt.relation)
          AND pg_has_role(caller()::oid, c.relowner, 'USAGE')
          AND has_schema_privilege(caller()::oid, n.oid, 'USAGE')
          AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
          AND adopted_root(c.oid) IS NULL
    ), scored AS (
        SELECT t.*, e.entity, s.columns, s.score, named.word IS NOT NULL AS named, coalesce(named.rank, 99) AS rank
        FROM team_table t CROSS JOIN entity e
        CROSS JOIN LATERAL suggest_columns(t.rel, e.entity) s
        LEFT JOIN LATERAL (SELECT y.word, y.rank FROM synonym y WHERE y.entity = e.entity AND y.attribute = ''
                             AND replace(lower(t.relname), '_', '') LIKE '%' || y.word || '%'
                           ORDER BY length(y.word) DESC LIMIT 1) named ON true
        WHERE s.score >= CASE WHEN named.word IS NULL THEN 3 ELSE 1 END
    ), best AS (
        SELECT DISTINCT ON (rel) * FROM scored ORDER BY rel, score + CASE WHEN named THEN 4 ELSE 0 END DESC, rank, entity
    )
    SELECT rel::text, entity,
           CASE WHEN named AND score >= 3 THEN 'high' WHEN named OR score >= 5 THEN 'medium' ELSE 'low' END,
           rows,
           format(E'SELECT * FROM @extschema@.adopt(%L, %L%s, columns => %L);', rel::text, entity,
                  CASE WHEN nspname <> 'public' THEN format(', department => %L', nspname) ELSE '' END,
                  CASE WHEN EXISTS (SELECT FROM pg_index i WHERE i.indrelid = rel AND i.indisprimary) THEN columns
                       ELSE jsonb_build_object('id', 'PUT A UNIQUE COLUMN HERE') || columns END)
    FROM best ORDER BY 1
$$;
COMMENT ON FUNCTION @extschema@.suggest_adopt(pg_catalog.regclass) IS
'Reads the names, types and keys of the tables that you own and crm does not know (or of one), and prints for each what it '
'probably is and a ready call of adopt to read, mend and run. confidence: high, medium, low. A table in a schema other than '
'public is taken to be kept by a department of the schema''s name.';
