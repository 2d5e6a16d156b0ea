-- Store an attempt to register, and its idempotency key, before the provider is asked.
-- $1 api_url text, $2 key_fingerprint text, $3 webhook_url text, $4 idempotency_key text
insert into receiver.registrations (api_url, key_fingerprint, webhook_url, callback_url, idempotency_key)
values ($1, $2, $3, $3, $4) -- processes of version 0.5 read `callback_url`
returning id, webhook_url, idempotency_key, now() - intended_at as age, registered_at, secret, gone_at
