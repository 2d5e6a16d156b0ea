-- List who dropped an event's jobs, when and why; of those that are dropped now.
-- $1 event bigint
select d.job, d.dropped_at, d.dropped_by, d.reason
from receiver.jobs j
join receiver.drops d on d.job = j.id
where j.event = $1 and j.state = 'dropped'
order by d.job
