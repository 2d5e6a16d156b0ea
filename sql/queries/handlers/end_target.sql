-- Note that nothing is forwarded to a target any more, unless that is noted already.
-- $1 target text, $2 reason text
insert into receiver.targets_ended (target, reason)
values ($1, $2)
on conflict (target) do nothing
