-- Find the events of jobs that are pending, waiting, running or dead, newest first; of too many pending ones of a queue, those due last.
-- $1 first bigint, $2 title text, $3 state text, $4 limit bigint, $5 handler text, $6 job_states text[], $7 source text, $8 account text, $9 type text
--
-- $6 has `waiting` for the pending jobs whose last attempt ended as `later`. $3 is the state of the event, or null.
-- Each queue is read by its index, until it has enough; what is asked about an event is asked for each job alone: a plan
-- for many would read all events.
with queue as (
    select *
    from receiver.queues
    where ($5::text is null or handler = $5) and ($7::text is null or source = $7) and ($8::text is null or account = $8)
), found as (
    select j.event
    from queue
    cross join lateral (
        select j.event
        from receiver.jobs j
        where (j.source, j.api_url, j.account) = (queue.source, queue.api_url, queue.account)
            and (j.handler, j.is_replay) = (queue.handler, queue.is_replay) and j.state = 'pending'
            and (
                select e.id >= $1 and ($2::text is null or e.title ~ $2)
                    and ($9::text is null or e.type = $9 or (right($9, 2) = '.*' and starts_with(e.type, left($9, -1))))
                from receiver.events e
                where e.id = j.event
            )
        order by j.due_at desc, j.id desc
        limit $4
    ) as j
    where 'pending' = any ($6::text[]) and queue.state = 'pending'
    union all
    select j.event
    from queue
    cross join lateral (
        select j.event
        from receiver.jobs j
        where (j.source, j.api_url, j.account) = (queue.source, queue.api_url, queue.account)
            and (j.handler, j.is_replay) = (queue.handler, queue.is_replay)
            and j.state = 'pending' and j.waiting_since is not null
            and (
                select e.id >= $1 and ($2::text is null or e.title ~ $2)
                    and ($9::text is null or e.type = $9 or (right($9, 2) = '.*' and starts_with(e.type, left($9, -1))))
                from receiver.events e
                where e.id = j.event
            )
        order by j.id desc
        limit $4
    ) as j
    where 'waiting' = any ($6) and queue.state = 'pending'
    union all
    select j.event
    from queue
    cross join lateral (
        select j.event
        from receiver.jobs j
        where (j.source, j.api_url, j.account) = (queue.source, queue.api_url, queue.account)
            and (j.handler, j.is_replay) = (queue.handler, queue.is_replay) and j.state = 'dead'
            and (
                select e.id >= $1 and ($2::text is null or e.title ~ $2)
                    and ($9::text is null or e.type = $9 or (right($9, 2) = '.*' and starts_with(e.type, left($9, -1))))
                from receiver.events e
                where e.id = j.event
            )
            -- An event is not dead while another of its jobs is unfinished.
            and ($3::text is null or (
                select not bool_or(other.state in ('pending', 'running'))
                from receiver.jobs other
                where other.event = j.event
            ))
        order by j.id desc
        limit $4
    ) as j
    where 'dead' = any ($6) and queue.state = 'dead'
    union all
    select j.event
    from receiver.jobs j
    where 'running' = any ($6) and j.state = 'running' and ($5::text is null or j.handler = $5)
        and ($7::text is null or j.source = $7) and ($8::text is null or j.account = $8)
        and (
            select e.id >= $1 and ($2::text is null or e.title ~ $2)
                and ($9::text is null or e.type = $9 or (right($9, 2) = '.*' and starts_with(e.type, left($9, -1))))
            from receiver.events e
            where e.id = j.event
        )
)
select distinct event as id from found order by id desc limit $4
