-- Note that a migration has been applied.
-- $1 version integer, $2 name text
insert into receiver.migrations (version, name) values ($1, $2)
