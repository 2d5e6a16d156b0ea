-- Return the database's encoding, and whether the database is read-only.
select current_setting('server_encoding') as encoding, current_setting('transaction_read_only')::boolean as reads_only
