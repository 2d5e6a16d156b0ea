-- Store the secret of a registration, and notify the web processes.
-- $1 registration bigint, $2 webhook_id text, $3 secret text, $4 channel text
with registered as (
    update receiver.registrations
    set registered_at = now(), webhook_id = $2, secret = $3
    where id = $1
    returning source, api_url, account
), begun as (
    -- Before its first registration nothing was announced, unless events came by a secret that was set by hand.
    update receiver.reconciliations r
    set reconcile_from = now()
    from registered
    where (r.source, r.api_url, r.account) = (registered.source, registered.api_url, registered.account)
        and not exists (
            select from receiver.events e
            where (e.source, e.api_url, e.account) = (registered.source, registered.api_url, registered.account)
        )
        and not exists (
            select from receiver.registrations earlier
            where (earlier.source, earlier.api_url, earlier.account)
                = (registered.source, registered.api_url, registered.account)
                and earlier.registered_at is not null and earlier.id <> $1
        )
)
select pg_notify($4, '') from registered
