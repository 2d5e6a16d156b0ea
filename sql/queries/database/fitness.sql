-- How this database keeps text, and whether it takes no writes.
select current_setting('server_encoding') as encoding, current_setting('transaction_read_only')::boolean as reads_only
