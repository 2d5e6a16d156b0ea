-- Record a regeneration before its request is sent.
-- $1 api_url text, $2 transcription_id text
insert into receiver.regenerations (api_url, transcription_id) values ($1, $2) returning id
