-- Wake the listeners of a channel.
-- $1 channel text
select pg_notify($1, '')
