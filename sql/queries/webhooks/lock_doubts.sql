-- Return whether this transaction is the only one that writes doubts down: their number an hour is counted.
select pg_try_advisory_xact_lock(hashtextextended('receiver.doubts', 0))
