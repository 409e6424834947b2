-- The standard entities and their attributes: what a mapping may name. Shipped, so never dumped.

CREATE TABLE @extschema@.entity (
    entity text PRIMARY KEY,
    description text NOT NULL
);
COMMENT ON TABLE @extschema@.entity IS 'What a table can be adopted as. Shipped.';

CREATE TABLE @extschema@.entity_attribute (
    entity text NOT NULL REFERENCES @extschema@.entity,
    attribute text NOT NULL,
    kind text NOT NULL,
    description text NOT NULL,
    PRIMARY KEY (entity, attribute)
);
COMMENT ON TABLE @extschema@.entity_attribute IS
'Attributes that a mapping may give. kind says what the mapped column or expression becomes: key, reference and text are '
'text (an enum stays itself), time is timestamptz, then date, number (numeric), integer (bigint), boolean, json (jsonb). Shipped.';

INSERT INTO @extschema@.entity (entity, description) VALUES
    ('customer', 'people and organisations, as any department keeps them'),
    ('lead', 'people or organisations that may become customers'),
    ('opportunity', 'deals'),
    ('project', 'what follows the win: onboarding, delivery'),
    ('ticket', 'cases of customer service'),
    ('stage_change', 'an event log or history table: a record entered a stage'),
    ('touch', 'a contact of marketing with somebody, known or anonymous'),
    ('campaign', 'campaigns of marketing'),
    ('spend', 'money spent on a day'),
    ('product', 'what is sold'),
    ('subscription', 'what a customer pays for by the month'),
    ('survey', 'answers to satisfaction surveys'),
    ('activity', 'anything else that belongs in the customer''s story');

-- One line an entity: attribute:kind, commas between.
DO $$
DECLARE
    person CONSTANT text := 'kind:text, email:text, phone:text, given_name:text, family_name:text, full_name:text, '
        'company:text, website:text, address:text, postcode:text, city:text, region:text, country:text, birth_date:text, tax_id:text, '
        'gender:text, job_title:text, external_ids:json, parent:reference, segment:text, consent:json';
    common CONSTANT text := 'id:key, unit:text, owner:text, created_at:time';
BEGIN
    INSERT INTO @extschema@.entity_attribute (entity, attribute, kind, description)
    SELECT DISTINCT ON (e.entity, a.name) e.entity, a.name, a.kind, pg_catalog.replace(a.name, '_', ' ')
    FROM (VALUES
        ('customer', person),
        ('lead', person || ', stage:text, campaign:reference, channel:text, converted_to:reference'),
        ('opportunity', 'customer:reference, name:text, amount:number, currency:text, margin:number, stage:text, '
            'product:reference, campaign:reference, closed_at:time, expected_close_on:date, lost_reason:text'),
        ('project', 'customer:reference, opportunity:reference, stage:text, promised:text, promised_on:date, '
            'started_at:time, live_at:time'),
        ('ticket', 'customer:reference, subject:text, channel:text, stage:text, priority:text, product:reference, '
            'opened_at:time, first_response_at:time, resolved_at:time, reopened_count:integer, satisfaction:number'),
        ('stage_change', 'of:text, record:text, stage:text, at:time, by:text'),
        ('touch', 'customer:reference, anonymous_id:text, at:time, channel:text, campaign:reference, kind:text, '
            'cost:number, stage:text'),
        ('campaign', 'name:text, channel:text, starts_on:date, ends_on:date, budget:number, currency:text, '
            'supports_unit:text'),
        ('spend', 'on_date:date, campaign:reference, channel:text, kind:text, amount:number, currency:text'),
        ('product', 'name:text, category:text, list_price:number, currency:text'),
        ('subscription', 'customer:reference, product:reference, started_on:date, ended_on:date, '
            'monthly_amount:number, currency:text, stage:text'),
        ('survey', 'customer:reference, at:time, kind:text, score:number'),
        ('activity', 'customer:reference, at:time, kind:text, subject:text')) AS e (entity, attributes),
        LATERAL (SELECT pg_catalog.split_part(x, ':', 1) AS name, pg_catalog.split_part(x, ':', 2) AS kind
                 FROM pg_catalog.regexp_split_to_table(common || ', ' || e.attributes, ',\s*') x) a;
END
$$;
