-- Roles to begin with.

CREATE FUNCTION @extschema@.install_role_templates() RETURNS TABLE (role text, privileges integer)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH template (role, name, description) AS (VALUES
        ('sales', 'Sales', 'leads, opportunities, forecasts and the projects that follow, of one''s unit and below'),
        ('marketing', 'Marketing', 'campaigns, mailings, leads, touches and social media of one''s unit and below'),
        ('service', 'Service', 'tickets, knowledge base, portal, agreed times and surveys of one''s unit and below'),
        ('manager', 'Manager', 'everything of one''s unit and below, with delete, share, export and merge')),
    bundle (role, objects, privileges, depth) AS (VALUES
        ('sales', '{lead,opportunity,project,forecast,customer,activity}'::text[], '{create,read,update,assign}'::text[], 'below'),
        ('sales', '{lead,opportunity,project,customer}', '{share}', 'own'),
        ('marketing', '{campaign,email,lead,social,touch,spend,customer,activity}', '{create,read,update,assign}', 'below'),
        ('marketing', '{campaign,lead,customer}', '{share}', 'own'),
        ('service', '{ticket,knowledge,portal,sla,survey,subscription,customer,activity}', '{create,read,update,assign}', 'below'),
        ('service', '{ticket,customer}', '{share}', 'own'),
        ('manager', '{*}', '{create,read,update,delete,assign,share,export,merge}', 'below'),
        -- What a company sells is no secret inside it; nor are its numbers; nor is the story of a customer whom one knows.
        ('sales', '{product}', '{create,update,assign}', 'below'),
        ('sales', '{product}', '{read}', 'organisation'),
        ('marketing', '{product}', '{read}', 'organisation'),
        ('service', '{product}', '{read}', 'organisation'),
        ('manager', '{product}', '{read}', 'organisation'),
        ('sales', '{*}', '{total,story}', 'organisation'),
        ('marketing', '{*}', '{total,story}', 'organisation'),
        ('service', '{*}', '{total,story}', 'organisation'),
        ('manager', '{*}', '{total,story}', 'organisation')),
    new_role AS (
        INSERT INTO role (role, name, description)
        SELECT t.role, t.name, t.description FROM template t
        ON CONFLICT DO NOTHING RETURNING role.role),
    new_privilege AS (
        INSERT INTO role_privilege (role, object, privilege, depth)
        SELECT b.role, o, p, b.depth FROM bundle b JOIN new_role n ON n.role = b.role, unnest(b.objects) o, unnest(b.privileges) p
        RETURNING role_privilege.role)
    SELECT n.role, count(*)::integer FROM new_privilege n GROUP BY n.role ORDER BY n.role;
END
$$;
COMMENT ON FUNCTION @extschema@.install_role_templates() IS
'Creates the roles sales (lead, opportunity, project, forecast), marketing (campaign, email, lead, social, touch, spend), service '
'(ticket, knowledge, portal, sla, survey, subscription), each with customers and activities of one''s unit and below, share on own '
'rows and products of the whole organisation; and manager, with everything of the unit and below. Each has total (the numbers) and '
'story on the whole organisation. A role that exists already is left as it is. Returns what it made.';
SELECT @extschema@.set_audience('install_role_templates()', 'admin');
