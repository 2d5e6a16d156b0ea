-- Return how many connections our role can have to this database, together with all other clients.
select least(
    current_setting('max_connections')::int
        - current_setting('superuser_reserved_connections')::int
        - coalesce(current_setting('reserved_connections', true)::int, 0),
    (select nullif(r.rolconnlimit, -1) from pg_roles r where r.rolname = current_user),
    (select nullif(d.datconnlimit, -1) from pg_database d where d.datname = current_database())
)
