-- Delete what a provider's list said of transcriptions that were seen to have ended before a time; return how many.
-- $1 horizon timestamptz, $2 limit bigint
with gone as (
    delete from receiver.transcriptions
    where ctid = any (array(
        select ctid
        from receiver.transcriptions
        where since < $1 and status in ('completed', 'failed', 'cancelled')
        order by since
        limit $2
        for update skip locked
    ))
    returning 1
)
select count(*) from gone
