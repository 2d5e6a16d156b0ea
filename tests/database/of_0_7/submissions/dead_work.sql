-- Return why the job that carries a submission out is dead, or nothing if it is not.
-- $1 id text
select coalesce(j.error, 'no reason given') as error
from receiver.events e
join receiver.jobs j on j.event = e.id
where e.event_id = $1 and e.type = 'submission' and e.origin = 'submission' and j.state = 'dead'
