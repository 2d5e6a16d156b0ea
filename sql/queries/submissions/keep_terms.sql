-- Keep the terms of a submission that is not handed over yet: its ceiling, and where its end is announced too; return it.
-- $1 id text, $2 max_charge double precision, $3 callback_url text
update receiver.submissions set max_charge = $2, callback_url = coalesce($3, callback_url)
where id = $1 and state = 'intended'
returning *
