-- Return what an operator asks of a database: its version, size and connections, and the standbys that follow it.
select
    current_setting('server_version') as version, pg_database_size(current_database()) as bytes,
    (select count(*) from pg_stat_activity where backend_type = 'client backend') as connections,
    current_setting('max_connections')::integer as most_connections,
    current_setting('synchronous_commit') as synchronous_commit,
    array(
        select coalesce(nullif(application_name, ''), pid::text) || ' (' || coalesce(sync_state, 'hidden') || ')'
        from pg_stat_replication
        order by 1
    ) as standbys
