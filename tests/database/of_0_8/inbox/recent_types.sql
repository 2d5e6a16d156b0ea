-- Count one API's events of the last 30 days, among the newest $2 of all, by type, and those of them without a job.
-- $1 api_url text, $2 limit bigint
select
    e.type, count(*) as events,
    count(*) filter (where not exists (select from receiver.jobs j where j.event = e.id)) as unwanted
from (
    select id, api_url, type, received_at from receiver.events order by id desc limit $2
) as e
where e.api_url = $1 and e.received_at > now() - interval '30 days'
group by e.type
order by e.type
