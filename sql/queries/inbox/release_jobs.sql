-- Give claims back unused and uncounted: their jobs are due now; skip locked rows, which are being completed.
-- $1 jobs bigint[], $2 attempts integer[], $3 claimed_ats timestamptz[], $4 worker text
with ours as materialized (
    select j.id, held.attempt, held.claimed_at
    from receiver.jobs j
    join unnest($1::bigint[], $2::integer[], $3::timestamptz[]) as held (job, attempt, claimed_at)
        on held.job = j.id and held.attempt = j.attempt
    where j.state::text = 'running'
    order by j.id
    for update of j skip locked
), recorded as (
    insert into receiver.attempts (job, attempt, worker, claimed_at, outcome)
    select id, attempt, $4, claimed_at, 'released' from ours
    on conflict (job, attempt) do nothing
)
update receiver.jobs j
set state = 'pending', due_at = now(), uncounted = j.uncounted + 1
from ours
where j.id = ours.id
