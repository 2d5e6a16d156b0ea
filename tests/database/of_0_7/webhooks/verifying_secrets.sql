-- Return the secrets that can sign accounts' deliveries now: of the webhooks, of the newest callbacks, of some tokens.
-- $1 sources text[], $2 api_urls text[], $3 accounts text[], $4 tokens text[]
with given as (
    select * from unnest($1::text[], $2::text[], $3::text[]) as given (source, api_url, account)
)
(
    select source, api_url, account, null as token, null as transcription_id, secret
    from receiver.registrations
    join given using (source, api_url, account)
    where registered_at is not null and retired_at is null
    order by id desc
)
union all
(
    select source, api_url, account, token, transcription_id, secret
    from given
    cross join lateral (
        select c.token, c.transcription_id, c.secret
        from receiver.callbacks c
        where (c.source, c.api_url, c.account) = (given.source, given.api_url, given.account)
            and c.secret is not null and c.intended_at > now() - interval '7 days'
        order by c.intended_at desc
        limit 1000
    ) newest
)
union all
(
    select source, api_url, account, token, transcription_id, secret
    from receiver.callbacks
    join given using (source, api_url, account)
    where token = any ($4) and secret is not null and intended_at > now() - interval '7 days'
)
