-- Take those of some accounts whose list is to be compared now, or all that nobody compares, if $4 is true; others leave them alone for a while.
-- $1 sources text[], $2 api_urls text[], $3 accounts text[], $4 at_once boolean, $5 lease interval, $6 pause interval
with due as (
    select r.source, r.api_url, r.account
    from receiver.reconciliations r
    join unnest($1::text[], $2::text[], $3::text[]) as given (source, api_url, account)
        on (r.source, r.api_url, r.account) = (given.source, given.api_url, given.account)
    where r.leased_until < now()
        and (r.due_at <= now() or ($4 and coalesce(r.compared_at, '-infinity') < now() - $6::interval))
    for update of r skip locked
)
update receiver.reconciliations r
set leased_until = now() + $5::interval
from due
where (r.source, r.api_url, r.account) = (due.source, due.api_url, due.account)
returning r.source, r.api_url, r.account, r.reconcile_from, r.watermark, r.compared_at, r.leased_until, now() as taken_at
