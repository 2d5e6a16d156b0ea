-- Count a regeneration before it is asked for.
-- $1 api_url text, $2 transcription_id text
insert into receiver.regenerations (api_url, transcription_id) values ($1, $2) returning id
