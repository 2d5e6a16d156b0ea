-- Return what events are called, when they came, and what they are about.
-- $1 events bigint[]
select e.id, e.source || '/' || e.event_id as name, e.received_at, e.title, e.transcription_id
from unnest($1::bigint[]) as given (id)
join receiver.events e on e.id = given.id
