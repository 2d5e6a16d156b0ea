-- Mark a due job dead because it cannot be claimed, unless another worker has claimed it.
-- $1 job bigint, $2 error text
--
-- The attempt of a running job is lost, as in claim_lapsed_jobs.sql.
with due as (
    select id, attempt, state, due_at
    from receiver.jobs
    where id = $1 and state in ('pending', 'running') and due_at <= now()
    for update
), lost as (
    insert into receiver.attempts (job, attempt, ended_at, outcome)
    select id, attempt, due_at, 'lost' from due where state = 'running'
    on conflict (job, attempt) do nothing
)
update receiver.jobs j
set state = 'dead', error = $2, waiting_since = null, due_at = now()
from due
where j.id = $1
