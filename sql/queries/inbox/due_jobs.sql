-- List the due jobs of some queues, oldest first, without claiming them.
-- $1 sources text[], $2 api_urls text[], $3 accounts text[], $4 handlers text[], $5 are_replays boolean[], $6 limit bigint, $7 aside bigint[]
select j.id
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::boolean[])
    as queue (source, api_url, account, handler, is_replay)
cross join lateral (
    select j.id, j.due_at
    from receiver.jobs j
    where j.source = queue.source and j.api_url = queue.api_url and j.account = queue.account
        and j.handler = queue.handler and j.is_replay = queue.is_replay
        and j.state = 'pending' and j.due_at <= now() and j.id <> all ($7)
    order by j.due_at, j.id
    limit $6
) as j
order by j.due_at, j.id
limit $6
