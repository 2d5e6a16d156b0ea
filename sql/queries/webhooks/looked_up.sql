-- Note what became of a doubt's look-up.
-- $1 id bigint, $2 outcome text
update receiver.doubts set looked_up_at = now(), outcome = $2, taken_until = null where id = $1
