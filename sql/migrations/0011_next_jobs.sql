-- no transaction
-- The next due job of one handler of one account, without passing others; and the few jobs that run.
-- The index jobs_due stays until 0.8: processes of version 0.6 claim by it.
drop index concurrently if exists receiver.jobs_next;

create index concurrently jobs_next on receiver.jobs (source, api_url, account, handler, is_replay, due_at, id)
where state = 'pending';

drop index concurrently if exists receiver.jobs_leased;

create index concurrently jobs_leased on receiver.jobs (due_at) where state = 'running';
