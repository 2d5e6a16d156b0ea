-- The events called by an id, or by source/id.
-- $1 name text
select * from receiver.inbox
where (source, event_id) in (
    select e.source, e.event_id from receiver.events e
    where e.event_id in ($1, substr($1, strpos($1, '/') + 1)) and (e.event_id = $1 or e.source || '/' || e.event_id = $1)
)
