-- The version of the newest migration applied to this database.
select max(version) from receiver.migrations
