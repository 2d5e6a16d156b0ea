-- Return where a stretch of events begins whose last one is the newest before a key: the key, and when its first one came.
-- $1 before bigint, $2 length bigint
select newest.id + 1 - $2 as key, first.received_at as at
from (select e.id from receiver.events e where e.id < $1 order by e.id desc limit 1) as newest
cross join lateral (
    select e.received_at from receiver.events e where e.id > newest.id - $2 order by e.id limit 1
) as first
