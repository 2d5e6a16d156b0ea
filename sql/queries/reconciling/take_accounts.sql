-- Take the next $5 of some accounts whose list is to be compared now; others leave them alone for a while.
-- $1 sources text[], $2 api_urls text[], $3 accounts text[], $4 lease interval, $5 limit bigint
with due as (
    select r.source, r.api_url, r.account
    from receiver.reconciliations r
    join unnest($1::text[], $2::text[], $3::text[]) as given (source, api_url, account)
        on (r.source, r.api_url, r.account) = (given.source, given.api_url, given.account)
    where (r.leased_until < now() or r.leased_until > now() + 2 * $4::interval)
        -- One that is compared in days, or was in the future, was noted by a clock that is set right since.
        and (r.due_at <= now() or r.due_at > now() + interval '2 days' or r.compared_at > now())
    order by r.due_at
    limit $5
    for update of r skip locked
)
update receiver.reconciliations r
set leased_until = now() + $4::interval
from due
where (r.source, r.api_url, r.account) = (due.source, due.api_url, due.account)
returning r.source, r.api_url, r.account, r.reconcile_from, case when r.watermark > now() then now() - interval '7 days' else r.watermark end as watermark, r.leased_until, now() as taken_at
