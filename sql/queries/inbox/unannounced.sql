-- Return which ends of an account's transcriptions have no event: their places. Another key of the same user may have had it.
-- $1 source text, $2 api_url text, $3 account text, $4 transcription_ids text[], $5 types text[], $6 ended_ats timestamptz[]
select given.place
from unnest($4::text[], $5::text[], $6::timestamptz[]) with ordinality as given (transcription_id, type, ended_at, place)
where not exists (
    select
    from receiver.events e
    where e.transcription_id = given.transcription_id and (e.source, e.api_url) = ($1, $2) and e.type = given.type
        and receiver.is_same_user($1, $2, $3, e.account)
        and receiver.is_same_end(
            e.source, e.api_url, e.account, e.transcription_id, e.ended_at, e.received_at, given.ended_at, now()
        )
)
and not exists (
    -- It was submitted for another account, whose own comparison finds its end, or the looks at what was submitted do.
    select
    from receiver.submissions s
    where s.remote_id = given.transcription_id and (s.source, s.api_url) = ($1, $2) and s.account <> $3
        and s.state not in ('done', 'failed') and receiver.is_same_user($1, $2, $3, s.account)
)
order by given.place
