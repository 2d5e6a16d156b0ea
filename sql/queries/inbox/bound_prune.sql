-- Bound a transaction that prunes: it waits for nobody for long, and nobody for it; return the settings.
-- $1 statement_timeout text
--
-- It gives up its wait before a deadlock would be looked for, so a deadlock costs nobody else. A crash of the server may
-- bring back what it deleted last, and that is pruned again. And it must never read a whole table, whatever the planner
-- knew about the tables when it made its plans.
select
    set_config('lock_timeout', '200ms', true), set_config('statement_timeout', $1, true),
    set_config('synchronous_commit', 'off', true), set_config('enable_seqscan', 'off', true),
    set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)
