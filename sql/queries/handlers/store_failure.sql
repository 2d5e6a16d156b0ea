-- Store the reason of a failure.
-- $1 source text, $2 api_url text, $3 account text, $4 transcription_id text, $5 event_id text, $6 reason text
insert into receiver.failures (source, api_url, account, transcription_id, event_id, reason)
values ($1, $2, $3, $4, $5, $6)
on conflict (source, api_url, transcription_id, account, event_id) do update set reason = excluded.reason
