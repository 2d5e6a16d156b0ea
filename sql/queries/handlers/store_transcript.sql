-- Store a transcript and delete its old parts, unless a later end of the transcription is stored.
-- $1 source text, $2 api_url text, $3 transcription_id text, $4 completed_at text, $5 title text, $6 language text, $7 duration_seconds double precision
with transcript as (
    insert into receiver.transcripts as t (source, api_url, transcription_id, completed_at, title, language, duration_seconds)
    values ($1, $2, $3, $4, $5, $6, $7)
    on conflict (source, api_url, transcription_id) do update
        set completed_at = excluded.completed_at, title = excluded.title, language = excluded.language,
            duration_seconds = excluded.duration_seconds, stored_at = now()
        where t.completed_at <= excluded.completed_at
    returning t.source, t.api_url, t.transcription_id
), segments as (
    delete from receiver.segments s using transcript t
    where (s.source, s.api_url, s.transcription_id) = (t.source, t.api_url, t.transcription_id)
), chapters as (
    delete from receiver.chapters c using transcript t
    where (c.source, c.api_url, c.transcription_id) = (t.source, t.api_url, t.transcription_id)
), sections as (
    delete from receiver.sections s using transcript t
    where (s.source, s.api_url, s.transcription_id) = (t.source, t.api_url, t.transcription_id)
), qna as (
    delete from receiver.qna q using transcript t
    where (q.source, q.api_url, q.transcription_id) = (t.source, t.api_url, t.transcription_id)
)
select transcription_id from transcript
