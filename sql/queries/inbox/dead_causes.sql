-- Count dead jobs, the newest $5 of each queue, by handler and the first line of the error, or with $4 by the whole error; with the filters of dead_jobs.sql.
-- $1 handler text, $2 type text, $3 since interval, $4 by_whole_error boolean, $5 limit bigint
--
-- An event is looked at only where its type or its time matters: the keys of events grow with time.
select
    j.handler, case when $4 then j.error else split_part(ltrim(j.error, E' \t\r\n'), E'\n', 1) end as error,
    count(*) as number, min(j.event) as oldest, max(j.event) as newest
from receiver.queues queue
cross join lateral (
    select *
    from receiver.jobs j
    where (j.source, j.api_url, j.account) = (queue.source, queue.api_url, queue.account)
        and (j.handler, j.is_replay) = (queue.handler, queue.is_replay) and j.state = 'dead'
    order by j.id desc
    limit $5
) as j
where queue.state = 'dead' and ($1::text is null or queue.handler = $1)
    and (
        $2::text is null and $3::interval is null
        or (
            select ($2::text is null or e.type = $2 or right($2, 2) = '.*' and starts_with(e.type, left($2, -1)))
                and ($3::interval is null or e.received_at > now() - $3)
            from receiver.events e
            where e.id = j.event
        )
    )
group by 1, 2
