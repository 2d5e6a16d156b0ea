-- Keep the terms of a submission that is not handed over yet; return it.
-- $1 id text, $2 max_charge double precision, $3 callback_url text, $4 if_lost text, $5 permitted_tries integer
--
-- What was sent before keeps the tries that are permitted: a person may have permitted more of them.
update receiver.submissions
set max_charge = $2, callback_url = coalesce($3, callback_url), if_lost = $4,
    permitted_tries = case when sent_at is null then $5 else permitted_tries end
where id = $1 and state = 'intended'
returning *
