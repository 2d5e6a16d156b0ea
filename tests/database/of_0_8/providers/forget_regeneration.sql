-- Delete a recorded regeneration that the provider refused and did not count.
-- $1 regeneration bigint
delete from receiver.regenerations where id = $1
