-- Return the rights that this role lacks on our tables for `serve` and `work`, as `insert, update on receiver.jobs`.
--
-- Without those on the tables of counts everything is done, and nothing is told. Without that of the console nobody can
-- sign in there.
select
    string_agg(privilege, ', ' order by privilege) || ' on receiver.' || name as lacking,
    name not in ('balances', 'console', 'consoles', 'counted', 'minutes', 'refused', 'totals') as is_vital
from (
    values
        ('archive', '{delete,insert,select}'::text[]), ('artifacts', '{delete,insert,select,update}'),
        ('attempts', '{delete,insert,select}'), ('balances', '{insert,select,update}'),
        ('budgets', '{insert,select,update}'), ('callbacks', '{delete,insert,select,update}'),
        ('chapters', '{delete,insert,select}'), ('charges', '{delete,insert,select,update}'),
        ('console', '{insert,select}'),
        ('consoles', '{delete,insert,select,update}'), ('counted', '{select,update}'), ('deliveries', '{insert,select}'), ('doubts', '{delete,insert,select,update}'),
        ('drops', '{insert,select,update}'), ('events', '{delete,insert,select,update}'),
        ('failures', '{insert,select,update}'), ('file_names', '{insert,select,update}'),
        ('files', '{delete,insert,select,update}'),
        ('gate', '{insert,select,update}'), ('identity', '{select}'), ('jobs', '{delete,insert,select,update}'),
        ('kinds', '{select}'), ('ledger', '{select,update}'), ('library', '{insert,select,update}'),
        ('migrations', '{select}'), ('minutes', '{delete,insert,select,update}'),
        ('noticed', '{select,update}'), ('notices', '{insert,select,update}'), ('passages', '{delete,insert,select}'), ('processes', '{delete,insert,select,update}'),
        ('qna', '{delete,insert,select}'), ('queues', '{select}'), ('reconciliations', '{insert,select,update}'),
        ('refused', '{insert,select,update}'), ('regenerations', '{insert,select,update}'),
        ('registrations', '{insert,select,update}'), ('replay_jobs', '{delete,insert,select}'),
        ('replays', '{insert,select,update}'), ('retention', '{select,update}'), ('sections', '{delete,insert,select}'),
        ('segments', '{delete,insert,select}'), ('senders', '{select}'), ('submissions', '{insert,select,update}'),
        ('targets_ended', '{delete,insert,select}'),
        ('timestamps', '{insert,select,update}'), ('tokens', '{insert,select,update}'),
        ('totals', '{insert,select,update}'), ('transcriptions', '{delete,insert,select,update}'),
        ('transcripts', '{insert,select,update}'), ('uncharged', '{delete,insert,select}'),
        ('unindexed', '{delete,select}')
) as needed (name, privileges)
cross join unnest(privileges) as needs (privilege)
where not has_table_privilege(format('receiver.%I', name), privilege)
group by name
order by name
