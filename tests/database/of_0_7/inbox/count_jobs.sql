-- Count each handler's dead and unfinished jobs of some accounts, and its unfinished jobs of all other accounts.
-- $1 sources text[], $2 api_urls text[], $3 accounts text[]
select
    handler,
    count(*) filter (where state = 'dead' and is_ours) as dead,
    count(*) filter (where state <> 'dead' and is_ours) as unfinished,
    count(*) filter (where state <> 'dead' and not is_ours) as elsewhere
from (
    select
        j.handler, j.state,
        (j.source, j.api_url, j.account) in (select * from unnest($1::text[], $2::text[], $3::text[])) as is_ours
    from receiver.jobs j
    where j.state <> 'done'
) as job
group by handler
order by handler
