-- Return the states of submissions.
-- $1 ids text[]
select id, state from receiver.submissions where id = any ($1)
