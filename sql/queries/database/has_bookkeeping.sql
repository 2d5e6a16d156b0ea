-- Whether the table of applied migrations is there, with all that this code keeps in it; looks only.
select exists (
    select from pg_attribute
    where attrelid = to_regclass('receiver.migrations') and attname = 'checksum' and not attisdropped
)
