-- Return for how long the oldest due job of some handlers has been due.
-- $1 handlers text[], $2 api_url text
select now() - min(j.due_at)
from receiver.jobs j
where j.state = 'pending' and j.due_at <= now() and j.handler = any ($1) and j.api_url = $2
