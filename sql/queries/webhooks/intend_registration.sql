-- Store an attempt to register, and its idempotency key, before the provider is asked.
-- $1 source text, $2 api_url text, $3 account text, $4 key_fingerprint text, $5 webhook_url text, $6 idempotency_key text
insert into receiver.registrations (
    source, api_url, account, key_fingerprint, webhook_url, callback_url, idempotency_key
)
values ($1, $2, $3, $4, $5, $5, $6) -- processes of version 0.5 read `callback_url`
returning id, webhook_url, idempotency_key, now() - intended_at as age, registered_at, secret, gone_at
