-- Give claims back unused and uncounted: their jobs are due now; skip locked rows, which are being completed.
-- $1 jobs bigint[], $2 attempts integer[]
with ours as (
    select j.id
    from receiver.jobs j
    join unnest($1::bigint[], $2::integer[]) as held (job, attempt) on held.job = j.id and held.attempt = j.attempt
    where j.state = 'running'
    order by j.id
    for update of j skip locked
)
update receiver.jobs j
set state = 'pending', due_at = now(), uncounted = j.uncounted + 1
from ours
where j.id = ours.id
