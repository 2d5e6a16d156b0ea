-- Release a session lock.
-- $1 lock bigint
select pg_advisory_unlock($1)
