-- For how long the job that has been due the longest is waiting, among those that some handlers could run.
-- $1 handlers text[], $2 api_url text
select now() - min(j.due_at)
from receiver.jobs j
join receiver.events e on e.id = j.event
where j.state = 'pending' and j.due_at <= now() and j.handler = any ($1) and e.api_url = $2
