-- Find the first test event of one API that was stored after another event.
-- $1 api_url text, $2 event bigint
select * from receiver.inbox
where id > $2 and api_url = $1 and type = 'webhook.test'
order by id limit 1
