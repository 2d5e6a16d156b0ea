-- List the due jobs of some accounts in one state, pending or running, oldest first, without claiming them.
-- $1 sources text[], $2 api_urls text[], $3 accounts text[], $4 handlers text[], $5 state receiver.job_state, $6 limit bigint, $7 aside bigint[]
select due.id
from (
    -- In two parts, because an index has each of them; only one is carried out.
    (
        select j.id, j.due_at
        from unnest($1::text[], $2::text[], $3::text[]) as given (source, api_url, account)
        cross join unnest($4::text[]) as wanted (handler)
        cross join (values (false), (true)) as kinds (is_replay)
        cross join lateral (
            select j.id, j.due_at
            from receiver.jobs j
            where j.source = given.source and j.api_url = given.api_url and j.account = given.account
                and j.handler = wanted.handler and j.is_replay = kinds.is_replay
                and j.state = 'pending' and j.due_at <= now() and j.id <> all ($7)
            order by j.due_at, j.id
            limit $6
        ) as j
        where $5::receiver.job_state = 'pending'
    )
    union all
    (
        select j.id, j.due_at
        from receiver.jobs j
        where $5 = 'running' and j.state = 'running' and j.due_at <= now() and j.handler = any ($4) and j.id <> all ($7)
            and (j.source, j.api_url, j.account) in (select * from unnest($1::text[], $2::text[], $3::text[]))
    )
) as due
order by due.due_at, due.id
limit $6
