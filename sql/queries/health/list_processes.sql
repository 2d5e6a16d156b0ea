-- Return the processes of an API that were seen in the last hour, with what they know, oldest first.
-- $1 api_url text, $2 unseen interval
select
    kind, host, pid, version, trouble, started_at, now() - started_at as age, now() - seen_at as unseen_for,
    seen_at > now() - $2::interval as is_running, told
from receiver.processes
where api_url = $1 and seen_at > now() - interval '1 hour'
order by kind desc, started_at, id
