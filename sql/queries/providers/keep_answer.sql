-- Keep a provider's answer.
-- $1 source text, $2 api_url text, $3 transcription_id text, $4 completed_at text, $5 kind text, $6 answer bytea
insert into receiver.archive (source, api_url, transcription_id, completed_at, kind, answer)
values ($1, $2, $3, $4, $5, $6)
on conflict do nothing
