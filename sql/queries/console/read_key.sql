-- Return the console's key. If there is none, the given one becomes it.
-- $1 key bytea
with made as (
    insert into receiver.console (key) values ($1)
    on conflict do nothing
    returning key
)
select key from made
union all
select key from receiver.console
limit 1
