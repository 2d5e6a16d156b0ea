-- Find the first test event of an account that was stored after another event.
-- $1 source text, $2 api_url text, $3 account text, $4 event bigint
select * from receiver.inbox
where id > $4 and source = $1 and api_url = $2 and account = $3 and type = 'webhook.test'
order by source, api_url, account, id
limit 1
