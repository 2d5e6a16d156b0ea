-- Count each handler's dead and unfinished jobs of some accounts, and its unfinished jobs of all other accounts: each up to a limit.
-- $1 sources text[], $2 api_urls text[], $3 accounts text[], $4 limit bigint
with ours as (
    select * from unnest($1::text[], $2::text[], $3::text[]) as ours (source, api_url, account)
), queue as (
    select *, (source, api_url, account) in (select * from ours) as is_ours from receiver.queues
), counted as (
    select kind.handler, kind.state, kind.is_ours, counted.number
    from (select distinct handler, state, is_ours from queue) as kind
    cross join lateral (
        select count(*) as number
        from (
            select
            from queue
            cross join lateral (
                (
                    select
                    from receiver.jobs j
                    where queue.state = 'pending' and j.state = 'pending'
                        and (j.source, j.api_url, j.account) = (queue.source, queue.api_url, queue.account)
                        and (j.handler, j.is_replay) = (queue.handler, queue.is_replay)
                    limit $4
                )
                union all
                (
                    select
                    from receiver.jobs j
                    where queue.state = 'dead' and j.state = 'dead'
                        and (j.source, j.api_url, j.account) = (queue.source, queue.api_url, queue.account)
                        and (j.handler, j.is_replay) = (queue.handler, queue.is_replay)
                    limit $4
                )
            ) as j
            where (queue.handler, queue.state, queue.is_ours) = (kind.handler, kind.state, kind.is_ours)
            limit $4
        ) as j
    ) as counted
    union all
    select handler, state, (source, api_url, account) in (select * from ours), 1
    from receiver.jobs
    where state = 'running'
)
select
    handler,
    coalesce(sum(number) filter (where state = 'dead' and is_ours), 0)::bigint as dead,
    coalesce(sum(number) filter (where state <> 'dead' and is_ours), 0)::bigint as unfinished,
    coalesce(sum(number) filter (where state <> 'dead' and not is_ours), 0)::bigint as elsewhere
from counted
group by handler
order by handler
