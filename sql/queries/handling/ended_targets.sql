-- List the targets to which nothing is forwarded any more, with when that began and why.
select target, ended_at, reason
from receiver.targets_ended
order by target
