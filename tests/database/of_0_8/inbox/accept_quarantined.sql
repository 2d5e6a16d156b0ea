-- Turn a quarantined event into an ordinary event, now that its body can be read.
-- $1 event bigint, $2 event_id text, $3 type text, $4 transcription_id text, $5 title text
update receiver.events
set event_id = $2, type = $3, transcription_id = $4, title = $5, unreadable = null
where id = $1 and type is null
returning id
