-- Return whose a callback is, with its secret, and whether it is so old that it verifies nothing any more.
-- $1 token text
select
    source, api_url, account, transcription_id, secret, intended_at <= now() - interval '7 days' as is_over
from receiver.callbacks
where token = $1 and secret is not null
