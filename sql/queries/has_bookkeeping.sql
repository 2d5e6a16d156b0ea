-- Whether the table of applied migrations is there; looks only.
select to_regclass('receiver.migrations') is not null
