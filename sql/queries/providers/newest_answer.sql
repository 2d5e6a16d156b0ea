-- Return the newest kept answer about a transcription. The kind is a pattern.
-- $1 source text, $2 api_url text, $3 transcription_id text, $4 kind text
select answer from receiver.archive
where source = $1 and api_url = $2 and transcription_id = $3 and kind like $4
order by fetched_at desc limit 1
