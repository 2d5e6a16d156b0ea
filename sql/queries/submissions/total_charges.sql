-- Write into the totals what each account was charged, in each unit, unless that was done a minute ago.
--
-- It reads all charges, because one can change: what was perhaps charged is known later.
with due as (
    update receiver.counted set totalled_at = now() where totalled_at <= now() - interval '1 minute' returning true
)
insert into receiver.totals as t (series, value)
select
    'charges' || jsonb_build_array(source, api_url, account, coalesce(unit, ''))::text,
    coalesce(sum(amount), 0)::double precision
from receiver.charges
where exists (select from due)
group by 1
order by 1
on conflict (series) do update set value = excluded.value where t.value <> excluded.value
