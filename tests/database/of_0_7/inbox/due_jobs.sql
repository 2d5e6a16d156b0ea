-- List the due jobs of some accounts in one state, oldest first, without claiming them.
-- $1 sources text[], $2 api_urls text[], $3 accounts text[], $4 handlers text[], $5 state receiver.job_state, $6 limit bigint, $7 aside bigint[]
select j.id
from receiver.jobs j
where j.state in ('pending', 'running') and j.state = $5
    and j.due_at <= now() and j.handler = any ($4) and j.id <> all ($7)
    and (j.source, j.api_url, j.account) in (select * from unnest($1::text[], $2::text[], $3::text[]))
order by j.due_at, j.id
limit $6
