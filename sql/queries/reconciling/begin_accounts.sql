-- Begin to reconcile accounts that are seen for the first time: from their first registration, or from now.
-- $1 sources text[], $2 api_urls text[], $3 accounts text[]
insert into receiver.reconciliations (source, api_url, account, reconcile_from, watermark)
select given.*, begun.at, begun.at - interval '7 days'
from unnest($1::text[], $2::text[], $3::text[]) as given (source, api_url, account)
cross join lateral (
    select coalesce(min(r.registered_at), now()) as at
    from receiver.registrations r
    where (r.source, r.api_url, r.account) = (given.source, given.api_url, given.account)
) as begun
on conflict do nothing
