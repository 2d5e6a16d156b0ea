-- Delete the kept answers about a transcription that are out of date. The kind is a pattern.
-- $1 source text, $2 api_url text, $3 transcription_id text, $4 kind text
delete from receiver.archive where source = $1 and api_url = $2 and transcription_id = $3 and kind like $4
