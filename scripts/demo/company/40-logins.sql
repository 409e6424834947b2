-- Two regional managers and their database logins, with the rights that the company gave them long ago.
CREATE ROLE ingrid LOGIN;
CREATE ROLE luca LOGIN;
CREATE ROLE trainee LOGIN;
GRANT USAGE ON SCHEMA marketing, sales, service TO ingrid, luca, trainee;
GRANT SELECT ON ALL TABLES IN SCHEMA marketing, sales, service TO ingrid, luca, trainee;
