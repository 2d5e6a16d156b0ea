-- A provider's answer that is kept.
-- $1 source text, $2 transcription_id text, $3 completed_at text, $4 kind text
select answer from receiver.archive
where source = $1 and transcription_id = $2 and completed_at = $3 and kind = $4
