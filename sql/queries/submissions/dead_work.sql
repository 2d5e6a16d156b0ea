-- Return why the job that carries a submission out is dead, or nothing if it is not.
-- $1 id text
select coalesce(j.error, 'no reason given') as error
from receiver.submissions s
join receiver.events e on (e.source, e.api_url, e.account, e.event_id) = (s.source, s.api_url, s.account, s.id)
join receiver.jobs j on j.event = e.id
where s.id = $1 and e.type = 'submission' and e.origin = 'submission' and j.state = 'dead'
