-- Count the ends of an account's transcriptions of the last 30 days, among the newest $4 events of all, and those of them that a webhook has announced.
-- $1 source text, $2 api_url text, $3 account text, $4 limit bigint
--
-- What ended before the account's beginning was announced to nobody.
select
    count(*) filter (where e.origin = 'webhook') as announced,
    count(*) filter (
        where e.origin = 'webhook' or not exists (select from receiver.events late where late.same_as = e.id)
    ) as ended
from (select * from receiver.events order by id desc limit $4) as e
where (e.source, e.api_url, e.account) = ($1, $2, $3)
    and e.type in ('transcription.completed', 'transcription.failed')
    and e.origin in ('webhook', 'reconciled')
    and coalesce(e.ended_at, e.received_at) > now() - interval '30 days'
    and coalesce(e.ended_at, e.received_at) >= coalesce(
        (
            select r.reconcile_from
            from receiver.reconciliations r
            where (r.source, r.api_url, r.account) = ($1, $2, $3)
        ),
        '-infinity'
    )
