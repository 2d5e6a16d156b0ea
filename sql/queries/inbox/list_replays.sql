-- List bulk replays, newest first, or only the one with an id; with how many of their jobs wait, up to a number.
-- $1 id bigint, $2 limit bigint, $3 counted bigint
select
    r.id, r.filter, r.state, r.total, r.done, r.passed, waiting.number as waiting, r.started_by, r.started_at,
    r.advanced_at, r.ended_at
from receiver.replays r
cross join lateral (
    select count(*) as number
    from (select from receiver.jobs j where j.replay = r.id and j.state = 'pending' limit $3) as j
) as waiting
where $1::bigint is null or r.id = $1
order by r.id desc
limit $2
