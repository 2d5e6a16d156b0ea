-- Let the server end this transaction if its client is silent for so long.
-- $1 timeout text
select set_config('idle_in_transaction_session_timeout', $1, true)
