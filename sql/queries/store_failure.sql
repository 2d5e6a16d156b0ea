-- Note why a transcription failed.
-- $1 source text, $2 transcription_id text, $3 event_id text, $4 reason text
insert into receiver.failures (source, transcription_id, event_id, reason)
values ($1, $2, $3, $4)
on conflict (source, event_id) do update set reason = excluded.reason
