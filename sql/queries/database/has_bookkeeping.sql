-- Return whether the table of applied migrations exists with all its columns.
select exists (
    select from pg_attribute
    where attrelid = to_regclass('receiver.migrations') and attname = 'checksum' and not attisdropped
)
