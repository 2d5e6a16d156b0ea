-- Let no comparison with a provider's list look at what ended before a time: its event may be gone.
-- $1 horizon timestamptz
update receiver.reconciliations set reconcile_from = $1 where reconcile_from < $1
