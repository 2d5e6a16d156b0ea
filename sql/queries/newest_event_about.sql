-- The newest event about a transcription.
-- $1 transcription_id text
select source, raw from receiver.events where transcription_id = $1 order by id desc limit 1
