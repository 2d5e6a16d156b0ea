-- Find the events that a name means: an event's id, source/id, @key, or a transcription's id. Newest first.
-- $1 name text
with named as (
    select e.id from receiver.events e where e.event_id = $1
    union
    select e.id from receiver.events e
    where e.event_id = substr($1, strpos($1, '/') + 1) and e.source || '/' || e.event_id = $1
    union
    select e.id from receiver.events e where e.id = (substring($1 from '^@([0-9]{1,18})$'))::bigint
    union
    select e.id from receiver.events e where e.transcription_id = $1 and e.type like 'transcription.%'
)
select inbox.* from receiver.inbox inbox join named on named.id = inbox.id order by inbox.id desc
