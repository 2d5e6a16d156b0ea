-- The title of a stored transcript.
-- $1 transcription_id text
select title from receiver.transcripts where transcription_id = $1 order by stored_at desc limit 1
