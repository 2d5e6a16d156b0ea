-- Store the token of a submission's callback before the provider is asked; the same idempotency key keeps its token.
-- $1 token text, $2 api_url text, $3 idempotency_key text
insert into receiver.callbacks as c (token, api_url, idempotency_key)
values ($1, $2, $3)
on conflict (api_url, idempotency_key) do update set intended_at = now()
returning c.token
