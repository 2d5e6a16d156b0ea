-- Take a session lock if nobody holds it; says whether we did.
-- $1 lock bigint
select pg_try_advisory_lock($1)
