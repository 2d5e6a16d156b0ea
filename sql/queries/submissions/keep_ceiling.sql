-- Put the ceiling that was named last into a submission that is not handed over yet.
-- $1 id text, $2 max_charge double precision
update receiver.submissions set max_charge = $2 where id = $1 and state = 'intended'
