-- Return the database's id, which stays the same when its address changes.
select id::text from receiver.identity
