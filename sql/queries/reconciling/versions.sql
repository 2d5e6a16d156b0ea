-- Return the versions of the processes that were seen lately.
select distinct version from receiver.processes where seen_at > now() - interval '15 seconds'
