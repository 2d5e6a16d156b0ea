-- How many jobs of an API are dead, and how many of other APIs are unfinished.
-- $1 api_url text
select
    count(*) filter (where j.state = 'dead' and e.api_url = $1) as dead,
    count(*) filter (where j.state in ('pending', 'running') and e.api_url <> $1) as elsewhere
from receiver.jobs j
join receiver.events e on e.id = j.event
