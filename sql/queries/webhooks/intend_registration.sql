-- Write down, before asking, that we are going to register, and under which key.
-- $1 api_url text, $2 key_fingerprint text, $3 callback_url text, $4 idempotency_key text
insert into receiver.registrations (api_url, key_fingerprint, callback_url, idempotency_key)
values ($1, $2, $3, $4)
returning id, callback_url, idempotency_key, now() - intended_at as age, registered_at, secret, gone_at
