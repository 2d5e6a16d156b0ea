-- List the running jobs of some accounts whose lease ran out, oldest first, without claiming them.
-- $1 sources text[], $2 api_urls text[], $3 accounts text[], $4 handlers text[], $5 limit bigint, $6 aside bigint[]
select j.id
from receiver.jobs j
where j.state = 'running' and j.due_at <= now() and j.handler = any ($4) and j.id <> all ($6)
    and (j.source, j.api_url, j.account) in (select * from unnest($1::text[], $2::text[], $3::text[]))
order by j.due_at, j.id
limit $5
