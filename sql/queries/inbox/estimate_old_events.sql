-- Return PostgreSQL's plan to read the events before a time, or those since another that have a body. It is an estimate.
-- $1 horizon timestamptz, $2 rows_horizon timestamptz
explain (format json)
select from receiver.events
where received_at < $1 and ($2::timestamptz is null or (received_at >= $2 and pruned_at is null))
