-- Return whether the files of a transcription are from a later end.
-- $1 place text, $2 folded text, $3 completed_at text
select exists (select from receiver.file_names where place = $1 and folded = $2 and completed_at > $3)
