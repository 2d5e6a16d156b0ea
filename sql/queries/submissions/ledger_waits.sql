-- Return since when the oldest event waits that the ledger has not read; null if none does for a minute.
select e.received_at
from receiver.ledger l
cross join lateral (
    select received_at from receiver.events where id > l.last_event order by id limit 1
) as e
where e.received_at < now() - interval '1 min'
