-- The migrations that were applied to this database, and what their files held; up to version 0.5 that was not kept.
select version, to_jsonb(applied) ->> 'checksum' as checksum from receiver.migrations as applied
