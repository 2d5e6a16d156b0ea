-- Return a kept answer of the provider.
-- $1 source text, $2 api_url text, $3 transcription_id text, $4 completed_at text, $5 kind text
select answer from receiver.archive
where source = $1 and api_url = $2 and transcription_id = $3 and completed_at = $4 and kind = $5
