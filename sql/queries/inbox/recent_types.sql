-- Count one API's events of the last 30 days, among the newest $2 of all, by type, and those that never had a job.
-- $1 api_url text, $2 limit bigint
select
    e.type, count(*) as events,
    count(*) filter (
        where e.pruned_at is null and e.same_as is null
            and not exists (select from receiver.jobs j where j.event = e.id)
    ) as unwanted
from (
    select id, api_url, type, received_at, pruned_at, same_as from receiver.events order by id desc limit $2
) as e
where e.api_url = $1 and e.received_at > now() - interval '30 days'
group by e.type
order by e.type
