-- Write into the totals what each account was charged, in each unit, and how many amounts nobody told, unless that was done a minute ago.
--
-- It reads all charges, because one can change: what was perhaps charged is known later. What is not known is no 0.
with due as (
    update receiver.counted set totalled_at = now() where totalled_at <= now() - interval '1 minute' returning true
),
added as (
    select
        'charges' || jsonb_build_array(source, api_url, account, coalesce(unit, ''))::text as series,
        sum(amount)::double precision as value
    from receiver.charges
    where exists (select from due)
    group by 1
    union all
    select
        'charges_untold' || jsonb_build_array(source, api_url, account)::text,
        count(*) filter (where amount is null and not perhaps)
    from receiver.charges
    where exists (select from due)
    group by 1
)
insert into receiver.totals as t (series, value)
select a.series, coalesce(a.value, 0)
from added a
where a.value is not null or exists (select from receiver.totals k where k.series = a.series)
order by 1
on conflict (series) do update set value = excluded.value where t.value <> excluded.value
