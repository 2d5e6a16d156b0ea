-- Return why nothing is forwarded to a target any more; no row if events are forwarded to it.
-- $1 target text
select reason from receiver.targets_ended where target = $1
