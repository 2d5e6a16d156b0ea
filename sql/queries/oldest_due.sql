-- For how long the job that has been due the longest is waiting.
select now() - min(due_at) from receiver.jobs where state = 'pending' and due_at <= now()
