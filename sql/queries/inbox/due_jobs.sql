-- List the due jobs in one state, oldest first, without claiming them.
-- $1 handlers text[], $2 api_url text, $3 state receiver.job_state, $4 limit bigint, $5 aside bigint[]
select j.id
from receiver.jobs j
join receiver.events e on e.id = j.event
where j.state in ('pending', 'running') and j.state = $3
    and j.due_at <= now() and j.handler = any ($1) and e.api_url = $2 and j.id <> all ($5)
order by j.due_at, j.id
limit $4
