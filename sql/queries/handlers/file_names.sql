-- Return the names that a transcription's files have in a place, one for each template.
-- $1 place text, $2 source text, $3 api_url text, $4 transcription_id text
select name, template from receiver.file_names
where (source, api_url, transcription_id, place) = ($2, $3, $4, $1)
