-- Return whether all that is old was last pruned so long ago.
-- $1 every interval
select pruned_at is null or pruned_at <= now() - $1::interval from receiver.retention
