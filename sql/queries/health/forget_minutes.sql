-- Delete the counts of minutes that are more than two days old.
delete from receiver.minutes where at < now() - interval '48 hours'
