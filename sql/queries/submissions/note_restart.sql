-- Note that a transcription was started again just now: its next end is another one.
-- $1 source text, $2 api_url text, $3 account text, $4 transcription_id text, $5 status text
insert into receiver.transcriptions as t (source, api_url, account, transcription_id, status, restarted_at, ask_at)
values ($1, $2, $3, $4, $5, now(), now() + interval '10 minutes')
on conflict (source, api_url, account, transcription_id) do update
set status = excluded.status, since = now(), ended_at = null, restarted_at = now(), overdue_at = null,
    ask_at = excluded.ask_at
