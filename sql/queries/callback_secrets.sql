-- The secrets of single transcriptions' deliveries that may still come.
-- $1 api_url text
select token, secret
from receiver.callbacks
where api_url = $1 and secret is not null and intended_at > now() - interval '7 days'
