-- Write down how far the writing of notices is, and that costs were added up.
-- $1 died_at timestamptz, $2 job bigint, $3 added_up boolean
update receiver.noticed
set died_at = $1, job = $2, added_up_at = case when $3 then now() else added_up_at end
