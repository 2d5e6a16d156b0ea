-- Keep a transaction from reading a whole table, whatever the planner knew of words that are not told it; return the setting.
select set_config('enable_seqscan', 'off', true)
