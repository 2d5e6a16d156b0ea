-- Take the writing of notices, unless another process has it; return how far it is, and what is to be done.
-- $1 between interval, $2 at_most interval, $3 settled_after interval
--
-- The first look begins now. After a time without one, it begins $2 ago. A job's death is of the time when its statement
-- began, and is seen when that has committed. So what died lately is not read, nor what died after the oldest statement
-- that still writes or commits. The next statement sees what all others have written.
select
    case when died_at >= now() - $2::interval then died_at when died_at is null then now() else now() - $2 end as died_at,
    case when died_at >= now() - $2 then job else 0 end as job,
    died_at is null as is_first,
    least(now() - $3::interval, (
        select min(a.xact_start)
        from pg_stat_activity a
        where a.datname = current_database() and a.usename = current_user and a.backend_xid is not null
            and a.state = 'active' and a.pid <> pg_backend_pid()
    )) as settled_at,
    added_up_at <= now() - $1::interval as adds_up,
    case when added_up_at > now() - interval '1 month' then added_up_at
        when added_up_at = '-infinity' then now() else now() - interval '1 month' end as added_up_at
from receiver.noticed
for update skip locked
