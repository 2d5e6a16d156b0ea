-- Make the server end this transaction if its client is silent for longer than the timeout.
-- $1 timeout text
select set_config('idle_in_transaction_session_timeout', $1, true)
