-- The database's own name, which stays when its address changes.
select id::text from receiver.identity
