-- Let statements of this transaction wait only so long for a lock, and take no longer than they may nor than so long.
-- $1 lock text, $2 milliseconds integer
select
    set_config('lock_timeout', $1, true),
    set_config('statement_timeout', least($2, nullif(setting::integer, 0))::text, true)
from pg_settings
where name = 'statement_timeout'
