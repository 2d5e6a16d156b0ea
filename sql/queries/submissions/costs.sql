-- Add up the charges since a moment, or only the newest of them, by day, account, pipeline, title or operation, each unit by itself.
-- $1 since interval, $2 by text, $3 newest bigint
--
-- The parts are made inside. Of what is made outside the planner thinks that each charge has another, and sorts them all.
-- A day becomes text last, because that takes long.
select
    coalesce(unit, '') as unit, coalesce(day::text, word) as part,
    count(*) filter (where not perhaps) as charges,
    coalesce(sum(amount) filter (where not perhaps), 0)::numeric as amount,
    count(*) filter (where amount is null and not perhaps) as untold,
    count(*) filter (where perhaps) as perhaps
from (
    select
        unit, amount, perhaps,
        case when $2::text = 'day' then (at at time zone 'UTC')::date end as day,
        case $2::text
            when 'day' then null
            when 'account' then source || case when account = 'default' then '' else '/' || account end
            when 'pipeline' then coalesce(pipeline, '')
            when 'title' then coalesce(title, '')
            else operation
        end as word
    from receiver.charges
    where at >= now() - $1::interval
    order by at desc
    limit $3
) as c
group by c.unit, c.day, c.word
order by c.unit is null, 1, c.day, 4 desc, 2
