-- Return a submission, and lock its row until the end of the transaction.
-- $1 id text
select * from receiver.submissions where id = $1 for update
