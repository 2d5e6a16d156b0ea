-- Return the newest event with which the provider has announced the end of a submission.
-- $1 id text
--
-- It can have come to another account, whose key is of the same user.
select e.event_id
from receiver.submissions s
join receiver.events e
    on e.transcription_id = s.remote_id and (e.source, e.api_url) = (s.source, s.api_url)
    and receiver.is_known_user(s.source, s.api_url, s.account, e.account)
where s.id = $1 and e.type in ('transcription.completed', 'transcription.failed')
order by e.id desc
limit 1
