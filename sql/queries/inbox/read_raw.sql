-- Return an event's body as it was signed.
-- $1 event bigint
select raw from receiver.events where id = $1
