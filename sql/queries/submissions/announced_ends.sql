-- Return submissions to some sources whose end their provider has announced: with the newest event, and whether that says it failed.
-- $1 sources text[], $2 limit bigint
select s.id as submission, e.event_id, e.type = 'transcription.failed' as has_failed
from receiver.submissions s
cross join lateral (
    select event_id, type
    from receiver.events e
    where e.transcription_id = s.remote_id
        and e.source = s.source and e.api_url = s.api_url and e.account = s.account
        and e.type in ('transcription.completed', 'transcription.failed')
    order by e.id desc
    limit 1
) e
where s.state = 'accepted' and s.source = any ($1)
limit $2
