-- The answer fetched last for a transcription, by a pattern of its kind.
-- $1 transcription_id text, $2 kind text
select answer from receiver.archive
where transcription_id = $1 and kind like $2
order by fetched_at desc limit 1
