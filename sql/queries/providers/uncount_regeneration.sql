-- Forget a regeneration that was refused, so not used up.
-- $1 regeneration bigint
delete from receiver.regenerations where id = $1
