-- List events, newest first.
-- $1 limit bigint
select * from receiver.inbox order by id desc limit $1
