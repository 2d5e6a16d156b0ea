-- Every registration and intent of an API that is not retired, newest first.
-- $1 api_url text
select id, key_fingerprint, callback_url, registered_at, gone_at, secret, now() as asked_at
from receiver.registrations
where api_url = $1 and retired_at is null
order by id desc
