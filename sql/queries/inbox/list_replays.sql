-- List bulk replays, newest first, or only the one with an id, or those in a state, or with lower ids than one; with what became of their jobs.
-- $1 id bigint, $2 limit bigint, $3 counted bigint, $4 state text, $5 before bigint
--
-- The jobs that they have moved are counted up to a number in each state.
select
    r.id, r.filter, r.state, r.total, r.done as moved, r.passed, jobs.waiting, jobs.running, jobs.done, jobs.dead,
    r.started_by, r.started_at, r.advanced_at, r.ended_at
from receiver.replays r
cross join lateral (
    select
        max(counted.number) filter (where counted.state = 'pending') as waiting,
        max(counted.number) filter (where counted.state = 'running') as running,
        max(counted.number) filter (where counted.state = 'done') as done,
        max(counted.number) filter (where counted.state = 'dead') as dead
    from (
        select
            wanted.state,
            (
                select count(*)
                from (select from receiver.jobs j where j.replay = r.id and j.state = wanted.state limit $3) as j
            ) as number
        from unnest(array['pending', 'running', 'done', 'dead']::receiver.job_state[]) as wanted (state)
    ) as counted
) as jobs
where ($1::bigint is null or r.id = $1) and ($4::text is null or r.state = $4)
    and ($5::bigint is null or r.id < $5)
order by r.id desc
limit $2
