-- What of the customers' room stands in a configuration document.
INSERT INTO @extschema@.config_section (section, room, "position", key, entries, put, change, remove) VALUES
    ('survivorship', 'customer', 340, '{attribute}', $q$
        SELECT r.attribute, r.rule, (SELECT array_agg(coalesce(s.department, table_name(s.relation)) ORDER BY s."position")
                                     FROM survivorship_source s WHERE s.attribute = r.attribute) AS sources
        FROM survivorship_rule r$q$, 'set_survivorship', NULL, 'set_survivorship($1 ->> ''attribute'', ''most_recent'')'),
    ('shared_attributes', 'customer', 350, '{attribute}', 'SELECT attribute, reason FROM shared_attribute', 'share_attribute', NULL,
     'unshare_attribute($1 ->> ''attribute'')'),
    ('contact_bases', 'customer', 360, '{purpose}', 'SELECT purpose, basis, reason FROM contact_basis', 'set_contact_basis', NULL,
     'set_contact_basis($1 ->> ''purpose'', ''consent'')');
