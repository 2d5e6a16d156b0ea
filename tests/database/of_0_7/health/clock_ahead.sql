-- Return how far the newest event of the waiting jobs is ahead of the database's clock; null unless it went back.
-- $1 api_url text
select max(e.received_at) - now()
from receiver.jobs j
join receiver.events e on e.id = j.event
where j.state in ('pending', 'running') and j.due_at > now() and e.received_at > now() and e.api_url = $1
