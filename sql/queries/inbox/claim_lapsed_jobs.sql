-- Claim running jobs whose lease ran out, oldest first, or with $7 that job only; add 1 to the attempt of each.
-- $1 sources text[], $2 api_urls text[], $3 accounts text[], $4 handlers text[], $5 lease interval, $6 limit bigint, $7 only bigint, $8 aside bigint[]
--
-- The attempt before is lost. Only now is that known: its worker died, and nobody wrote down which one it was.
with due as (
    select j.id, j.attempt, j.due_at
    from receiver.jobs j
    where j.state = 'running' and j.due_at <= now() and j.handler = any ($4)
        and (j.source, j.api_url, j.account) in (select * from unnest($1::text[], $2::text[], $3::text[]))
        and ($7::bigint is null or j.id = $7) and j.id <> all ($8)
    order by j.due_at, j.id
    limit $6
    for update of j skip locked
), lost as (
    insert into receiver.attempts (job, attempt, ended_at, outcome)
    select id, attempt, due_at, 'lost' from due
    on conflict (job, attempt) do nothing
)
update receiver.jobs j
set state = 'running', attempt = j.attempt + 1, due_at = now() + $5::interval
from due, receiver.events e
where j.id = due.id and e.id = j.event
returning
    j.id as job, j.attempt, j.uncounted, j.is_replay, j.handler, e.source, e.api_url, e.account, e.event_id,
    e.transcription_id, e.origin, e.raw, j.idempotency_key as kept_key, j.traceparent,
    due.due_at, now() as claimed_at
