-- Return whether an event stored after another one says that a transcription has ended.
-- $1 api_url text, $2 transcription_id text, $3 event bigint
select exists (
    select from receiver.events
    where transcription_id = $2 and api_url = $1 and id > $3
        and type in ('transcription.completed', 'transcription.failed')
)
