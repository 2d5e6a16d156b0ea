-- List the webhooks that came late for an event, which had been made of their announcement.
-- $1 event bigint
select id from receiver.events where same_as = $1 order by id
