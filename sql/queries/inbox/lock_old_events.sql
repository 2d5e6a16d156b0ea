-- Read the next events, and lock those before a time; return the last id, its time, how many are old, and the locked ones.
-- $1 after bigint, $2 horizon timestamptz, $3 rows_horizon timestamptz, $4 limit bigint
--
-- What another transaction has locked is left for the next time: it is delivered again, or replayed.
with next as materialized (
    select
        id, received_at, received_at < $2 as is_old,
        -- Of what has lost its body already, only the row can go. The ledger must have read the body.
        type is not null and received_at < $2 and (pruned_at is null or received_at < $3)
            and id <= (select last_event from receiver.ledger)
            and not exists (select from receiver.uncharged u where u.event = events.id) as is_wanted
    from receiver.events
    where id > $1
    order by id
    limit $4
), locked as (
    select e.id
    from (select id from next where is_wanted order by id) as next
    cross join lateral (select e.id from receiver.events e where e.id = next.id for update skip locked) as e
)
select
    (select max(id) from next) as last,
    (select max(received_at) from next) as at,
    (select count(*) from next) as read,
    (select count(*) from next where is_old) as old,
    array(select id from locked) as locked
