-- Count the processes of other APIs that were seen lately.
-- $1 api_url text, $2 unseen interval
select api_url, count(*) as number
from receiver.processes
where api_url <> $1 and seen_at > now() - $2::interval
group by api_url
order by api_url
