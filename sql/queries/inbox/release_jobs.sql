-- Give claims back unused and uncounted: their jobs are due now; skip locked rows, which are being completed; return those given back.
-- $1 jobs bigint[], $2 attempts integer[], $3 claimed_ats timestamptz[], $4 worker text
--
-- The state is compared as text: see settle_jobs.sql.
with ours as materialized (
    select held.job as id, held.attempt, held.claimed_at
    from (
        select *
        from unnest($1::bigint[], $2::integer[], $3::timestamptz[]) as held (job, attempt, claimed_at)
        order by job
    ) as held
    cross join lateral (
        select
        from receiver.jobs j
        where j.id = held.job and j.attempt = held.attempt and j.state::text = 'running'
        for update skip locked
    ) as j
), recorded as (
    insert into receiver.attempts (job, attempt, worker, claimed_at, outcome)
    select id, attempt, $4, claimed_at, 'released' from ours
    on conflict (job, attempt) do nothing
)
update receiver.jobs j
set state = 'pending', due_at = now(), uncounted = j.uncounted + 1
from ours
where j.id = ours.id
returning j.id as job, j.attempt
