-- Take one running job whose lease has run out, and count the attempt.
-- $1 handlers text[], $2 api_url text, $3 lease interval
with lapsed as (
    select j.id
    from receiver.jobs j
    join receiver.events e on e.id = j.event
    where j.state = 'running' and j.due_at <= now() and j.handler = any ($1) and e.api_url = $2
    order by j.due_at, j.id
    limit 1
    for update of j skip locked
)
update receiver.jobs j
set attempt = j.attempt + 1, due_at = now() + $3::interval, changed_at = now()
from lapsed, receiver.events e
where j.id = lapsed.id and e.id = j.event
returning j.id, j.attempt, j.uncounted, j.handler, e.source, e.event_id, e.raw
