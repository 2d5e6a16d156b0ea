-- Return whether the job that carries a submission out has not ended.
-- $1 id text
select exists (
    select from receiver.events e
    join receiver.jobs j on j.event = e.id
    where e.event_id = $1 and e.type = 'submission' and e.origin = 'submission' and j.state in ('pending', 'running')
)
