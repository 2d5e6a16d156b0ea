-- Return the applied migrations and the checksums of their files. Before version 0.5 no checksum was kept.
select version, to_jsonb(applied) ->> 'checksum' as checksum from receiver.migrations as applied
