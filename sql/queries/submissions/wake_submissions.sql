-- Let the jobs of some submissions run now, with all their tries. A job that runs is left alone: it looks again itself.
-- $1 sources text[], $2 api_urls text[], $3 accounts text[], $4 ids text[], $5 handler text
update receiver.jobs j
set state = 'pending', due_at = now(), uncounted = j.attempt, error = null
from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as given (source, api_url, account, id)
join receiver.events e
    on (e.source, e.api_url, e.account, e.event_id) = (given.source, given.api_url, given.account, given.id)
where j.event = e.id and j.handler = $5 and j.state <> 'running' and e.origin = 'submission'
