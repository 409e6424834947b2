-- Roles to begin with.

CREATE FUNCTION @extschema@.install_role_templates() RETURNS TABLE (role text, privileges integer)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH template (role, name, description, objects, privileges, depth) AS (VALUES
        ('sales', 'Sales', 'leads, deals, forecasts and products of one''s unit and below',
         '{lead,opportunity,project,forecast,product,customer}'::text[], '{create,read,update,assign}'::text[], 'below'),
        ('marketing', 'Marketing', 'campaigns, mailings, leads and social media of one''s unit and below',
         '{campaign,email,lead,social,touch,spend,customer}', '{create,read,update,assign}', 'below'),
        ('service', 'Service', 'tickets, knowledge base, portal and agreed times of one''s unit and below',
         '{ticket,knowledge,portal,sla,survey,subscription,customer}', '{create,read,update,assign}', 'below'),
        ('manager', 'Manager', 'everything of one''s unit and below',
         '{*}', '{create,read,update,delete,assign,share,export,merge}', 'below')),
    new_role AS (
        INSERT INTO role (role, name, description)
        SELECT t.role, t.name, t.description FROM template t
        ON CONFLICT DO NOTHING RETURNING role.role),
    new_privilege AS (
        INSERT INTO role_privilege (role, object, privilege, depth)
        SELECT t.role, o, p, t.depth FROM template t JOIN new_role n ON n.role = t.role, unnest(t.objects) o, unnest(t.privileges) p
        UNION ALL
        SELECT n.role, '*', p, 'organisation' FROM new_role n, unnest('{total,story}'::text[]) p
        RETURNING role_privilege.role)
    SELECT n.role, count(*)::integer FROM new_privilege n GROUP BY n.role ORDER BY n.role;
END
$$;
COMMENT ON FUNCTION @extschema@.install_role_templates() IS
'Creates the roles sales, marketing, service and manager with their privileges, on rows of one''s unit and below; each has total '
'(the numbers) and story on the whole organisation. A role that exists already is left as it is. Returns what it made.';
SELECT @extschema@.set_audience('install_role_templates()', 'admin');
