-- Delete a process that ends, so that it does not count as missing.
-- $1 id uuid
delete from receiver.processes where id = $1
