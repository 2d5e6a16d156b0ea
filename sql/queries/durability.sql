-- Whether what this server calls committed survives a crash.
select current_setting('fsync') = 'on' as fsync, current_setting('full_page_writes') = 'on' as full_page_writes
