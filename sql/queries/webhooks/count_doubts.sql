-- Count the doubts of the last day at an API by what became of their look-up; null if it waits.
-- $1 api_url text
select
    case when looked_up_at >= asked_at then outcome end as outcome, count(*) as number, sum(times)::bigint as times
from receiver.doubts
where api_url = $1 and last_seen_at > now() - interval '1 day'
group by 1
order by 1
