-- Lock the name of a transcription's files, and note from which end they are. Return it, unless they are from a later one.
-- $1 place text, $2 folded text, $3 completed_at text
update receiver.file_names set completed_at = $3
where place = $1 and folded = $2 and completed_at <= $3
returning name
