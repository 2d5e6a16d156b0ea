-- Return whether the job that carries a submission out has not ended.
-- $1 id text
select exists (
    select from receiver.submissions s
    join receiver.events e on (e.source, e.api_url, e.account, e.event_id) = (s.source, s.api_url, s.account, s.id)
    join receiver.jobs j on j.event = e.id
    where s.id = $1 and e.type = 'submission' and e.origin = 'submission' and j.state in ('pending', 'running')
)
