-- Whether a migration has been applied.
-- $1 version integer
select exists (select from receiver.migrations where version = $1)
