-- Let nobody else look for a caller's key or use it before the transaction ends.
-- $1 caller_key text
select pg_advisory_xact_lock(hashtextextended('receiver.submissions ' || $1, 0))
