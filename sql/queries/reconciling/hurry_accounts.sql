-- Let the lists of some accounts be compared now, unless that was done within a time.
-- $1 sources text[], $2 api_urls text[], $3 accounts text[], $4 within interval
update receiver.reconciliations r
set due_at = now()
from unnest($1::text[], $2::text[], $3::text[]) as given (source, api_url, account)
where (r.source, r.api_url, r.account) = (given.source, given.api_url, given.account)
    and r.due_at > now() and (coalesce(r.compared_at, '-infinity') <= now() - $4::interval or r.compared_at > now())
