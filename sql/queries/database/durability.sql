-- Whether what this server calls committed survives a crash: its own settings, and what this session waits for.
select
    current_setting('fsync') = 'on' as fsync,
    current_setting('full_page_writes') = 'on' as full_page_writes,
    current_setting('synchronous_commit') in ('on', 'remote_apply') as synchronous_commit
