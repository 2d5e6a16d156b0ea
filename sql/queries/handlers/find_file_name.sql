-- Return the name that a transcription's files have in a place.
-- $1 place text, $2 source text, $3 api_url text, $4 transcription_id text, $5 template text
select name from receiver.file_names
where (source, api_url, transcription_id, place, template) = ($2, $3, $4, $1, $5)
