-- Return the key of the newest event.
select max(id) from receiver.events
