-- Take due jobs of a state, oldest first or the only one, and count the attempt; what another is taking is skipped.
-- $1 handlers text[], $2 api_url text, $3 lease interval, $4 limit bigint, $5 state receiver.job_state, $6 only bigint, $7 aside bigint[]
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
