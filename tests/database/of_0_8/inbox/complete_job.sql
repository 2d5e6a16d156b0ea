-- Mark a job done that this transaction has locked, and write down its attempt; return the job if it is still ours.
-- $1 job bigint, $2 attempt integer, $3 claimed_at timestamptz, $4 worker text
--
-- The state is compared as text: see settle_jobs.sql.
with done as (
    update receiver.jobs
    set state = 'done', due_at = now(), error = null
    where id = $1 and attempt = $2 and state::text = 'running'
    returning id
), recorded as (
    insert into receiver.attempts (job, attempt, worker, claimed_at, outcome)
    select id, $2, $4, $3, 'done' from done
    on conflict (job, attempt) do nothing
)
select id from done
