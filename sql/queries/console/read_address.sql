-- Return where the console of a machine listens.
-- $1 host text
select address from receiver.consoles where host = $1
