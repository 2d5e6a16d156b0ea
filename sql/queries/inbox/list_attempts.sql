-- List the attempts at an event's jobs that have ended.
-- $1 event bigint
select a.job, a.attempt, a.worker, a.claimed_at, a.ended_at, a.outcome, a.error
from receiver.jobs j
join receiver.attempts a on a.job = j.id
where j.event = $1
order by a.job, a.attempt
