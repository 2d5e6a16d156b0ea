-- Find a running job whose lease has run out; skip a locked row, which is being completed.
-- $1 handlers text[], $2 api_url text
select j.id
from receiver.jobs j
join receiver.events e on e.id = j.event
where j.state = 'running' and j.due_at <= now() and j.handler = any ($1) and e.api_url = $2
limit 1
for update of j skip locked
