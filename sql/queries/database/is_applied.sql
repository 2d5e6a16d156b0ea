-- Return whether a migration was applied.
-- $1 version integer
select exists (select from receiver.migrations where version = $1)
