-- Return whether a commit survives a crash: the server's settings, and the setting of this session.
select
    current_setting('fsync') = 'on' as fsync,
    current_setting('full_page_writes') = 'on' as full_page_writes,
    current_setting('synchronous_commit') in ('on', 'remote_apply') as synchronous_commit
