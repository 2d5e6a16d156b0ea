-- Return who keeps rows that are long out of date from being cleaned up, those who have kept the most transactions first.
-- $1 longer_than interval, $2 transactions integer, $3 without_time integer, $4 limit bigint
--
-- A snapshot that is older than $1 and than $2 transactions counts. Where nobody can say how old it is, because it is a
-- standby's or a session of another role whose times are hidden from ours, it counts if it is older than $3 transactions.
select kind, name, role, application, doing, ago, transactions
from (
    select
        case backend_type when 'walsender' then 'standby' else 'session' end as kind, pid::text as name,
        usename::text as role, application_name as application, state as doing, now() - xact_start as ago,
        greatest(age(backend_xid), age(backend_xmin)) as transactions
    from pg_stat_activity
    where pid <> pg_backend_pid() and (datname = current_database() or backend_type = 'walsender')
        -- What a vacuum sees holds nobody up, and a parallel worker has the snapshot of its session.
        and coalesce(backend_type, '') not in ('autovacuum worker', 'parallel worker')
        and pid not in (select pid from pg_stat_progress_vacuum)
    union all
    select 'prepared', quote_literal(gid), owner::text, null, null, now() - prepared, age(transaction)
    from pg_prepared_xacts
    where database = current_database()
    union all
    select 'slot', quote_literal(slot_name), null, null, case when active then 'active' end, null, age(xmin)
    from pg_replication_slots
) as holder
where case when ago is null then transactions >= $3 else ago >= $1 and transactions >= $2 end
order by transactions desc
limit $4
