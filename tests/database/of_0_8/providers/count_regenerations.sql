-- Return how many regenerations of a transcription were requested.
-- $1 api_url text, $2 transcription_id text
select count(*) from receiver.regenerations where api_url = $1 and transcription_id = $2
