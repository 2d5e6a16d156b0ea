-- Let statements of this transaction wait only so long for a lock, and take only so long.
-- $1 lock text, $2 statement text
select set_config('lock_timeout', $1, true), set_config('statement_timeout', $2, true)
