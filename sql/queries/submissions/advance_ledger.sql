-- Note up to which event the ledger has read. A mark that is reached is none any more.
-- $1 last_event bigint
update receiver.ledger
set last_event = $1, mark_event = case when mark_event > $1 then mark_event end
