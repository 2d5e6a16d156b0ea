-- Keep the address where the end of a new submission is announced too; return the submission.
-- $1 id text, $2 callback_url text
update receiver.submissions set callback_url = $2 where id = $1 returning *
