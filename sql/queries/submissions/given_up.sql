-- Lock submissions that were sent to nobody, or whose answer nobody kept, and whose job is dead; return them with the reason.
-- $1 sources text[], $2 api_urls text[], $3 accounts text[], $4 handler text, $5 limit bigint
--
-- What another transaction holds is skipped: it moves the submission, or lets its job run again.
select s.*, coalesce(j.error, 'no reason given') as reason
from unnest($1::text[], $2::text[], $3::text[]) as given (source, api_url, account)
join receiver.submissions s on (s.source, s.api_url, s.account) = (given.source, given.api_url, given.account)
join receiver.events e
    on (e.source, e.api_url, e.account, e.event_id) = (s.source, s.api_url, s.account, s.id) and e.origin = 'submission'
join receiver.jobs j on j.event = e.id and j.handler = $4
where s.state in ('intended', 'uploaded', 'sent') and j.state = 'dead'
order by s.id
limit $5
for update of s, j skip locked
