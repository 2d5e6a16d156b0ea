-- Add up the charges since a moment by day, account, pipeline, title or operation, each unit by itself.
-- $1 since interval, $2 by text
select
    coalesce(unit, '') as unit,
    case $2::text
        when 'day' then to_char(at at time zone 'UTC', 'YYYY-MM-DD')
        when 'account' then source || case when account = 'default' then '' else '/' || account end
        when 'pipeline' then coalesce(pipeline, '')
        when 'title' then coalesce(title, '')
        else operation
    end as part,
    count(*) filter (where not perhaps) as charges,
    coalesce(sum(amount) filter (where not perhaps), 0)::numeric as amount,
    count(*) filter (where amount is null and not perhaps) as untold,
    count(*) filter (where perhaps) as perhaps
from receiver.charges
where at >= now() - $1::interval
group by 1, 2
order by min(unit) is null, 1, case when $2 = 'day' then to_char(min(at) at time zone 'UTC', 'YYYY-MM-DD') end, 4 desc, 2
