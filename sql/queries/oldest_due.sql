-- For how long the job of an API that has been due the longest is waiting.
-- $1 api_url text
select now() - min(j.due_at)
from receiver.jobs j
join receiver.events e on e.id = j.event
where j.state = 'pending' and j.due_at <= now() and e.api_url = $1
