-- Return the name of the newest migration.
select name from receiver.migrations order by version desc limit 1
