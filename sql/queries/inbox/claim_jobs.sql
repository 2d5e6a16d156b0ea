-- Claim the due jobs in one state, oldest first, or with $6 that job only; add 1 to the attempt of each.
-- $1 handlers text[], $2 api_url text, $3 lease interval, $4 limit bigint, $5 state receiver.job_state, $6 only bigint, $7 aside bigint[]
--
--     jobs of handlers $1, for events of API $2, in state $5
--        │ not due yet, put aside ($7), or not job $6 if $6 is given ──▶ left out
--        ▼
--     ordered by due_at, then by id: locked row by row, until $4 rows are locked
--        │ another transaction has locked the row ──▶ skipped: not waited for, and not counted in $4
--        ▼
--     running, attempt + 1, due_at = now + lease ($3) ──▶ returned with its event, whose row is not locked
--
-- `state in (...)` repeats the condition of the index jobs_due, so that the index can be used.
with due as (
    select j.id
    from receiver.jobs j
    join receiver.events e on e.id = j.event
    where j.state in ('pending', 'running') and j.state = $5
        and j.due_at <= now() and j.handler = any ($1) and e.api_url = $2
        and ($6::bigint is null or j.id = $6) and j.id <> all ($7)
    order by j.due_at, j.id
    limit $4
    for update of j skip locked
)
update receiver.jobs j
set state = 'running', attempt = j.attempt + 1, due_at = now() + $3::interval
from due, receiver.events e
where j.id = due.id and e.id = j.event
returning
    j.id as job, j.attempt, j.uncounted, j.is_replay, j.handler, e.source, e.api_url, e.account, e.event_id,
    e.transcription_id, e.raw, j.idempotency_key as kept_key
