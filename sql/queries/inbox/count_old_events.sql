-- Count among the oldest $3 events those that can go or lose their body; and callbacks and lines of lists that can go.
-- $1 horizon timestamptz, $2 rows_horizon timestamptz, $3 limit bigint
--
-- Whether their jobs and submissions let them go is not read.
select
    count(*) filter (where is_old and came < $2) as events,
    count(*) filter (where is_old and came >= $2 and pruned_at is null) as bodies,
    count(*) as read,
    (
        select count(*)
        from (select from receiver.callbacks where intended_at < $2 order by intended_at limit $3) as old
    ) as callbacks,
    (
        select count(*)
        from (
            select from receiver.transcriptions
            where since < $1 and status in ('completed', 'failed', 'cancelled')
            order by since
            limit $3
        ) as old
    ) as transcriptions
from (
    select
        pruned_at, greatest(received_at, last_delivered_at) as came,
        type is not null and greatest(received_at, last_delivered_at) < $1 as is_old
    from receiver.events
    order by id
    limit $3
) as oldest
