-- Return an account's unretired registrations and unfinished registration attempts, newest first.
-- $1 source text, $2 api_url text, $3 account text, $4 key_fingerprint text
select
    id, coalesce(webhook_url, callback_url) as webhook_url, idempotency_key, now() - intended_at as age,
    registered_at, secret, gone_at
from receiver.registrations
where source = $1 and api_url = $2 and account = $3 and key_fingerprint = $4 and retired_at is null
order by id desc
