-- Return those events of a span of ids that can tell of a charge: ends that a provider announces, and what we wrote of submissions.
-- $1 after bigint, $2 up_to bigint
select id, source, api_url, account, type, transcription_id, title, received_at, raw
from receiver.events
where id > $1 and id <= $2 and type is not null
    and (type in ('transcription.completed', 'transcription.failed') or (origin = 'submission' and type <> 'submission'))
order by id
