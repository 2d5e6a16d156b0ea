-- Return PostgreSQL's plan to read the events before a time. It estimates how many they are, and is not carried out.
-- $1 horizon timestamptz
explain (format json) select from receiver.events where received_at < $1
