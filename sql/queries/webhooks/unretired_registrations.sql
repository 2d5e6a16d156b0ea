-- Return an account's unretired registrations and unfinished registration attempts with any key, newest first.
-- $1 source text, $2 api_url text, $3 account text
select
    id, key_fingerprint, coalesce(webhook_url, callback_url) as webhook_url, registered_at, gone_at, secret,
    now() as asked_at
from receiver.registrations
where source = $1 and api_url = $2 and account = $3 and retired_at is null
order by id desc
