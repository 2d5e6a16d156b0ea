-- Return before which time what is pruned must lie, for a length of time, and before which time the whole event goes.
-- $1 older_than interval, $2 keys_for interval
select now() - $1::interval as at, now() - greatest($1, $2::interval) as rows_at
