-- Delete the callbacks that were asked for before a time: their secrets verify nothing any more; return how many.
-- $1 horizon timestamptz, $2 limit bigint
with gone as (
    delete from receiver.callbacks
    where ctid = any (array(
        select ctid from receiver.callbacks where intended_at < $1 order by intended_at limit $2 for update skip locked
    ))
    returning 1
)
select count(*) from gone
