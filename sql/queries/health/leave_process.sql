-- Forget a process that ends, so that nobody misses it.
-- $1 id uuid
delete from receiver.processes where id = $1
