-- Limit the statements of this transaction: their wait for a lock, and their time if their own limit is not shorter.
-- $1 lock text, $2 milliseconds integer
select
    set_config('lock_timeout', $1, true),
    set_config('statement_timeout', least($2, nullif(setting::integer, 0))::text, true)
from pg_settings
where name = 'statement_timeout'
