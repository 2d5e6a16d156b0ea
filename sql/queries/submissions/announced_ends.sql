-- Return submissions to some sources whose end their provider has announced: with the newest event, and whether that says it failed.
-- $1 sources text[], $2 limit bigint
--
-- One whose work was accepted and then missed is unknown; the announcement of that work is its end too.
select s.id as submission, e.event_id, e.type = 'transcription.failed' as has_failed
from receiver.submissions s
cross join lateral (
    select event_id, type
    from receiver.events e
    where e.transcription_id = s.remote_id
        and e.source = s.source and e.api_url = s.api_url
        and receiver.is_known_user(s.source, s.api_url, s.account, e.account)
        and e.type in ('transcription.completed', 'transcription.failed')
    order by e.id desc
    limit 1
) e
where s.source = any ($1) and s.state in ('accepted', 'unknown')  -- an index has both
    and (s.state = 'accepted' or (s.state = 'unknown' and s.accepted_at >= s.sent_at))
limit $2
