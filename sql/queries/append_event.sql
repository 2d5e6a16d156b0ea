-- Store an event and one job for each interested handler, or count a repeat; answers how often it was delivered.
-- $1 source text, $2 event_id text, $3 api_url text, $4 type text, $5 unreadable text, $6 transcription_id text, $7 raw bytea, $8 secret_fingerprint text, $9 handlers text[]
with event as (
    insert into receiver.events as e
        (source, event_id, api_url, type, unreadable, transcription_id, raw, secret_fingerprint)
    values ($1, $2, $3, $4, $5, $6, $7, $8)
    on conflict (source, event_id) do update
        set deliveries = e.deliveries + 1, last_delivered_at = now()
    returning e.id, e.deliveries
), job as (
    insert into receiver.jobs (event, handler)
    select event.id, wanted.handler
    from event, unnest($9::text[]) as wanted (handler)
    where event.deliveries = 1
)
select deliveries from event
