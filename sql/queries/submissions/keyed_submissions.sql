-- Return the submissions of all accounts under their caller's key, oldest first.
-- $1 caller_key text
select * from receiver.submissions where caller_key = $1 order by created_at, id
