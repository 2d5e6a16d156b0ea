-- Store the secret of a registration, and notify the web processes.
-- $1 registration bigint, $2 webhook_id text, $3 secret text, $4 channel text
with registered as (
    update receiver.registrations
    set registered_at = now(), webhook_id = $2, secret = $3
    where id = $1
    returning id
)
select pg_notify($4, '') from registered
