-- Return how many web processes and how many workers of an API were seen lately.
-- $1 api_url text, $2 unseen interval
select
    count(*) filter (where p.kind = 'web') as web,
    count(*) filter (where p.kind = 'worker') as workers
from receiver.processes p
where p.api_url = $1 and p.seen_at > now() - $2::interval
