-- Store the token of a submission's callback before the provider is asked; the same idempotency key keeps its token.
-- $1 token text, $2 source text, $3 api_url text, $4 account text, $5 idempotency_key text
insert into receiver.callbacks as c (token, source, api_url, account, idempotency_key)
values (
    $1, $2, $3, $4,
    -- Two accounts can use the same key, but processes of version 0.6 need the constraint without the account.
    case when $4 = 'default' then $5 else $4 || chr(31) || $5 end
)
on conflict (api_url, idempotency_key) do update set intended_at = now()
returning c.token
