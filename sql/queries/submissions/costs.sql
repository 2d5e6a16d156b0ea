-- Add up the charges since a moment, or only the newest of them, by day, account, pipeline, title or operation, each unit by itself.
-- $1 since interval, $2 by text, $3 newest bigint
select
    coalesce(unit, '') as unit,
    case $2::text
        when 'day' then (at at time zone 'UTC')::date::text
        when 'account' then source || case when account = 'default' then '' else '/' || account end
        when 'pipeline' then coalesce(pipeline, '')
        when 'title' then coalesce(title, '')
        else operation
    end as part,
    count(*) filter (where not perhaps) as charges,
    coalesce(sum(amount) filter (where not perhaps), 0)::numeric as amount,
    count(*) filter (where amount is null and not perhaps) as untold,
    count(*) filter (where perhaps) as perhaps
from (
    select * from receiver.charges where at >= now() - $1::interval order by at desc limit $3
) as c
group by 1, 2
order by min(unit) is null, 1, case when $2 = 'day' then min(at) end, 4 desc, 2
