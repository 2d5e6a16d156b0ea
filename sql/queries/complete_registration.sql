-- Keep the secret, retire what the same API gave before if asked to, and tell the web processes.
-- $1 registration bigint, $2 webhook_id text, $3 secret text, $4 retire_others boolean, $5 channel text
with registered as (
    update receiver.registrations
    set registered_at = now(), webhook_id = $2, secret = $3
    where id = $1
    returning id, api_url
), retired as (
    update receiver.registrations r
    set retired_at = now()
    from registered
    where $4 and r.api_url = registered.api_url and r.id <> registered.id and r.retired_at is null
)
select pg_notify($5, '') from registered
