-- Return what is known of a kept transcript: of a run, or of the one that was fetched last.
-- $1 source text, $2 api_url text, $3 transcription_id text, $4 completed_at text
select
    a.completed_at, a.fetched_at, s.operation, event.raw, event.origin, event.event_id,
    coalesce(s.account, event.account) as account,
    -- The submission is there before its event. The title that is kept was asked for just before the answer.
    s.title as submitted_title, kept.title as kept_title, coalesce(event.title, stored.title) as title,
    coalesce(s.wishes ->> 'target_language', s.wishes ->> 'language') as submitted_language,
    stored.language as stored_language, coalesce(s.duration_seconds, stored.duration_seconds) as seconds
from (
    select completed_at, fetched_at
    from receiver.archive
    where source = $1 and api_url = $2 and transcription_id = $3 and kind = 'result'
        and ($4::text is null or completed_at = $4)
    order by fetched_at desc
    limit 1
) as a
left join receiver.submissions s on s.id = $3
left join lateral (
    select t.answer as title
    from receiver.archive t
    where t.source = $1 and t.api_url = $2 and t.transcription_id = $3 and t.kind = 'title'
    order by t.fetched_at desc
    limit 1
) as kept on true
left join lateral (
    select e.raw, e.origin, e.event_id, e.account, e.title
    from receiver.events e
    where e.source = $1 and e.api_url = $2 and e.transcription_id = $3 and e.type like '%.completed'
    order by e.id desc
    limit 1
) as event on true
left join receiver.transcripts stored on stored.source = $1 and stored.api_url = $2 and stored.transcription_id = $3
