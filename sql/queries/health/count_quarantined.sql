-- Count the quarantined events of some accounts, up to a limit.
-- $1 sources text[], $2 api_urls text[], $3 accounts text[], $4 limit bigint
select count(*)
from (
    select
    from unnest($1::text[], $2::text[], $3::text[]) as ours (source, api_url, account)
    join receiver.events e using (source, api_url, account)
    where coalesce(e.type, '') = '' and e.type is null
    limit $4
) as quarantined
