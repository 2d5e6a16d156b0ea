-- Return the APIs that have a kept answer about a transcription id. The kind is a pattern.
-- $1 source text, $2 transcription_id text, $3 kind text
select distinct api_url from receiver.archive
where source = $1 and transcription_id = $2 and kind like $3
order by api_url
