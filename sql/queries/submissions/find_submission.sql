-- Return a submission.
-- $1 id text
select * from receiver.submissions where id = $1
