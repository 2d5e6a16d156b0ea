-- Let the server end this transaction when its client falls silent in it.
-- $1 timeout text
select set_config('idle_in_transaction_session_timeout', $1, true)
