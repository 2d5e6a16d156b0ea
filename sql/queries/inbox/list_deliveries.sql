-- List the deliveries of an event that are kept one by one, the first one first.
-- $1 event bigint
select number, at, how, seconds_off, secret_fingerprint from receiver.deliveries where event = $1
union all
-- The event's own row is the first delivery, unless that one was spooled.
select 1, received_at, 'stored', seconds_off, secret_fingerprint from receiver.events
where id = $1 and not exists (select from receiver.deliveries where event = $1 and number = 1)
order by number
