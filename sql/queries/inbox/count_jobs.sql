-- Count each handler's dead and unfinished jobs of one API, and its unfinished jobs of all other APIs.
-- $1 api_url text
select
    j.handler,
    count(*) filter (where j.state = 'dead' and j.api_url = $1) as dead,
    count(*) filter (where j.state <> 'dead' and j.api_url = $1) as unfinished,
    count(*) filter (where j.state <> 'dead' and j.api_url <> $1) as elsewhere
from receiver.jobs j
where j.state <> 'done'
group by j.handler
order by j.handler
