-- Acquire a session lock if it is free, and return whether it was free.
-- $1 lock bigint
select pg_try_advisory_lock($1)
