-- Handlers that have unfinished jobs of an API but are not among the known ones.
-- $1 handlers text[], $2 api_url text
select distinct j.handler
from receiver.jobs j
join receiver.events e on e.id = j.event
where j.state in ('pending', 'running') and j.handler <> all ($1) and e.api_url = $2
order by j.handler
