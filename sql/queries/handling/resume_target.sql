-- Forward to a target again, and return it; no row if that was so already.
-- $1 target text
delete from receiver.targets_ended where target = $1
returning target
