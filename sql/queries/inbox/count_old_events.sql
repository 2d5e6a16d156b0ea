-- Count the events before a time among the oldest $2, and how many these are.
-- $1 horizon timestamptz, $2 limit bigint
select count(*) filter (where received_at < $1) as old, count(*) as read
from (select received_at from receiver.events order by id limit $2) as oldest
