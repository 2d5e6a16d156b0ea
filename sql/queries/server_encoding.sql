-- How this database keeps text.
select current_setting('server_encoding')
