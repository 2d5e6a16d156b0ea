-- Turn a quarantined event into an ordinary event, now that its body can be read; return which event has its jobs.
-- $1 event bigint, $2 event_id text, $3 type text, $4 transcription_id text, $5 title text, $6 ended_at timestamptz
--
-- Its end can have an event already, as for a webhook that comes late: see append_events.sql. The ledger has passed it,
-- and reads it now.
with uncharged as (
    insert into receiver.uncharged (event) values ($1) on conflict do nothing
)
update receiver.events e
set event_id = $2, type = $3, transcription_id = $4, title = $5, unreadable = null, ended_at = $6,
    same_as = (
        select made.id
        from receiver.events made
        where (made.source, made.api_url, made.transcription_id) = (e.source, e.api_url, $4)
            and made.origin in ('reconciled', 'submission') and made.transcription_id is not null and made.type = $3
            and receiver.is_same_user(e.source, e.api_url, e.account, made.account)
            and receiver.is_same_end(
                made.source, made.api_url, made.account, made.transcription_id, made.ended_at, made.received_at, $6,
                e.received_at
            )
        limit 1
    )
where id = $1 and type is null
returning coalesce(e.same_as, e.id)
