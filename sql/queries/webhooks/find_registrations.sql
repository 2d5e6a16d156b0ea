-- Return an account's unretired registrations and unfinished registration attempts, newest first.
-- $1 api_url text, $2 key_fingerprint text
select
    id, coalesce(webhook_url, callback_url) as webhook_url, idempotency_key, now() - intended_at as age,
    registered_at, secret, gone_at
from receiver.registrations
where api_url = $1 and key_fingerprint = $2 and retired_at is null
order by id desc
