-- List the deliveries that came with an event's identity and other bytes.
-- $1 source text, $2 api_url text, $3 account text, $4 event_id text
select * from receiver.inbox
where (source, api_url, account, claimed_id) = ($1, $2, $3, $4)
order by id
