-- Delete the processes that were not seen for a day: they were killed, or their host is gone.
delete from receiver.processes where seen_at < now() - interval '1 day'
