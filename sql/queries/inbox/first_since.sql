-- Return the key of the first event that was received within a time; null if there is none.
-- $1 since interval
select min(e.id)
from receiver.kinds kind
cross join lateral (
    select e.id
    from receiver.events e
    where coalesce(e.type, '') = kind.type and e.source = kind.source and e.account = kind.account
        and e.received_at > now() - $1::interval
    order by e.received_at, e.id
    limit 1
) as e
