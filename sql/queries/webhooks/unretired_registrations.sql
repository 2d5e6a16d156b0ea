-- Return the unretired registrations and unfinished registration attempts at an API, newest first.
-- $1 api_url text
select
    id, key_fingerprint, coalesce(webhook_url, callback_url) as webhook_url, registered_at, gone_at, secret,
    now() as asked_at
from receiver.registrations
where api_url = $1 and retired_at is null
order by id desc
