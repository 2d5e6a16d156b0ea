-- The versions of the migrations that were applied to this database.
select version from receiver.migrations
