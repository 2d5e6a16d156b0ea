-- Keep a provider's answer.
-- $1 source text, $2 transcription_id text, $3 completed_at text, $4 kind text, $5 answer bytea
insert into receiver.archive (source, transcription_id, completed_at, kind, answer)
values ($1, $2, $3, $4, $5)
on conflict do nothing
