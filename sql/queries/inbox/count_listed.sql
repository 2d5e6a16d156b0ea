-- Count the jobs, seen at these attempts, that bulk replays which run have yet to move.
-- $1 jobs bigint[], $2 attempts integer[]
select count(*)
from unnest($1::bigint[], $2::integer[]) as given (job, attempt)
where (select count(*) from receiver.replays r where r.state = 'running') > 0 and exists (
    select
    from receiver.replays r
    cross join lateral (
        select m.attempt from receiver.replay_jobs m where m.replay = r.id and m.job = given.job limit 1
    ) as m
    where r.state = 'running' and m.attempt = given.attempt
)
