-- Begin a bulk replay of jobs, which have been seen dead at these attempts.
-- $1 filter jsonb, $2 started_by text, $3 jobs bigint[], $4 attempts integer[]
with replay as (
    insert into receiver.replays (filter, started_by, total) values ($1, $2, cardinality($3::bigint[])) returning *
), member as (
    insert into receiver.replay_jobs (replay, job, attempt)
    select replay.id, given.job, given.attempt
    from replay
    cross join unnest($3::bigint[], $4::integer[]) as given (job, attempt)
)
select
    id, filter, state, total, done as moved, passed, 0::bigint as waiting, 0::bigint as running, 0::bigint as done,
    0::bigint as dead, started_by, started_at, advanced_at, ended_at
from replay
