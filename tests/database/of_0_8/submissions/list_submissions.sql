-- List submissions in some states, newest first.
-- $1 states text[], $2 limit bigint
select s.*
from unnest($1::text[]) as wanted (state)
cross join lateral (
    select * from receiver.submissions s where s.state = wanted.state order by s.created_at desc, s.id desc limit $2
) as s
order by s.created_at desc, s.id desc
limit $2
