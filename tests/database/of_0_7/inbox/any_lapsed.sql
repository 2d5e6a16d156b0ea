-- Find a running job whose lease has run out; skip a locked row, which is being completed.
-- $1 sources text[], $2 api_urls text[], $3 accounts text[], $4 handlers text[]
select j.id
from receiver.jobs j
where j.state = 'running' and j.due_at <= now() and j.handler = any ($4)
    and (j.source, j.api_url, j.account) in (select * from unnest($1::text[], $2::text[], $3::text[]))
limit 1
for update of j skip locked
