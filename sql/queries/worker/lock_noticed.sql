-- Take the writing of notices, unless another process has it; return how far it is, and whether costs are to be added up.
-- $1 between interval, $2 at_most interval
--
-- The first look begins now. After a time without one, it begins $2 ago.
select
    case when died_at >= now() - $2::interval then died_at when died_at is null then now() else now() - $2 end as died_at,
    case when died_at >= now() - $2 then job else 0 end as job,
    added_up_at <= now() - $1::interval as adds_up
from receiver.noticed
for update skip locked
