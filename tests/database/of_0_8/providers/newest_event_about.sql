-- Return the raw body of the newest event about a transcription.
-- $1 source text, $2 api_url text, $3 transcription_id text
select raw from receiver.events
where source = $1 and api_url = $2 and transcription_id = $3
order by id desc limit 1
