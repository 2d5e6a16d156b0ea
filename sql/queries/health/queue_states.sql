-- Return for each handler how many jobs of some accounts are due, wait, run or are dead, each up to a limit, and the age of the oldest due live one.
-- $1 sources text[], $2 api_urls text[], $3 accounts text[], $4 limit bigint
with queue as (
    select *
    from receiver.queues
    join unnest($1::text[], $2::text[], $3::text[]) as ours (source, api_url, account) using (source, api_url, account)
), counted as (
    select
        queue.handler, due.number as due, waiting.number as waiting, 0::bigint as running, 0::bigint as dead,
        case when not queue.is_replay then (
            select now() - j.due_at
            from receiver.jobs j
            where (j.source, j.api_url, j.account) = (queue.source, queue.api_url, queue.account)
                and (j.handler, j.is_replay) = (queue.handler, queue.is_replay)
                and j.state = 'pending' and j.due_at <= now()
            order by j.due_at, j.id
            limit 1
        ) end as oldest
    from queue
    cross join lateral (
        select count(*) as number
        from (
            select
            from receiver.jobs j
            where (j.source, j.api_url, j.account) = (queue.source, queue.api_url, queue.account)
                and (j.handler, j.is_replay) = (queue.handler, queue.is_replay)
                and j.state = 'pending' and j.due_at <= now()
            limit $4
        ) as j
    ) as due
    cross join lateral (
        select count(*) as number
        from (
            select
            from receiver.jobs j
            where (j.source, j.api_url, j.account) = (queue.source, queue.api_url, queue.account)
                and (j.handler, j.is_replay) = (queue.handler, queue.is_replay)
                and j.state = 'pending' and j.due_at > now()
            limit $4
        ) as j
    ) as waiting
    where queue.state = 'pending'
    union all
    select queue.handler, 0, 0, 0, dead.number, null
    from queue
    cross join lateral (
        select count(*) as number
        from (
            select
            from receiver.jobs j
            where (j.source, j.api_url, j.account) = (queue.source, queue.api_url, queue.account)
                and (j.handler, j.is_replay) = (queue.handler, queue.is_replay) and j.state = 'dead'
            limit $4
        ) as j
    ) as dead
    where queue.state = 'dead'
    union all
    select j.handler, 0, 0, 1, 0, null
    from receiver.jobs j
    join unnest($1::text[], $2::text[], $3::text[]) as ours (source, api_url, account) using (source, api_url, account)
    where j.state = 'running'
)
select
    handler, least(sum(due), $4)::bigint as due, least(sum(waiting), $4)::bigint as waiting,
    least(sum(running), $4)::bigint as running, least(sum(dead), $4)::bigint as dead, max(oldest) as oldest
from counted
group by handler
order by handler
