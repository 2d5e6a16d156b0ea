-- Return the secrets that can sign an API's deliveries now: of the webhook, of the newest callbacks, of some tokens.
-- $1 api_url text, $2 tokens text[]
(
    select null as token, null as transcription_id, secret
    from receiver.registrations
    where api_url = $1 and registered_at is not null and retired_at is null
    order by id desc
)
union all
(
    select token, transcription_id, secret
    from receiver.callbacks
    where api_url = $1 and secret is not null and intended_at > now() - interval '7 days'
    order by intended_at desc
    limit 1000
)
union all
(
    select token, transcription_id, secret
    from receiver.callbacks
    where token = any ($2) and api_url = $1 and secret is not null and intended_at > now() - interval '7 days'
)
