-- Give a session lock back.
-- $1 lock bigint
select pg_advisory_unlock($1)
