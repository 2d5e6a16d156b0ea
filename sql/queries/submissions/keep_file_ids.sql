-- Put the ids of uploaded files into the options of a submission that is not handed over yet.
-- $1 id text, $2 ids jsonb
update receiver.submissions set wishes = wishes || $2 where id = $1 and state = 'intended'
