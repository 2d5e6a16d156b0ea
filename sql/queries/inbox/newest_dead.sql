-- Return the newest dead jobs of some accounts by handler and the first line of the error: at most $4 in all.
-- $1 sources text[], $2 api_urls text[], $3 accounts text[], $4 limit bigint
select newest.handler, newest.error, count(*) as number
from (
    select j.handler, split_part(ltrim(j.error, E' \t\r\n'), E'\n', 1) as error
    from receiver.queues queue
    join unnest($1::text[], $2::text[], $3::text[]) as ours (source, api_url, account) using (source, api_url, account)
    cross join lateral (
        select j.id, j.handler, j.error
        from receiver.jobs j
        where (j.source, j.api_url, j.account) = (queue.source, queue.api_url, queue.account)
            and (j.handler, j.is_replay) = (queue.handler, queue.is_replay) and j.state = 'dead'
        order by j.id desc
        limit $4
    ) as j
    where queue.state = 'dead'
    order by j.id desc
    limit $4
) as newest
group by newest.handler, newest.error
