-- Write down what a process has counted, and add to the totals what that is more than it had written down before.
-- $1 id uuid, $2 series text[], $3 counts double precision[], $4 before double precision[]
--
-- $2 are the series that have changed since the counts $4, which were written down last. The row knows better what was
-- written down, because an answer can be lost. If the row was removed meanwhile, $4 counts.
with own as (
    select p.counts from receiver.processes p where p.id = $1 for no key update
), given as (
    select * from unnest($2::text[], $3::double precision[], $4::double precision[]) as given (series, counted, before)
), added as (
    select given.series, given.counted - coalesce((own.counts ->> given.series)::double precision, given.before) as value
    from given
    left join own on true
), total as (
    insert into receiver.totals as t (series, value)
    select series, value from added where value > 0 order by series
    on conflict (series) do update set value = t.value + excluded.value
), minute as (
    insert into receiver.minutes as m (at, series, value)
    select date_trunc('minute', now()), series, value from added where value > 0 order by series
    on conflict (at, series) do update set value = m.value + excluded.value
)
-- The row is read before it is changed: `own` would be empty afterwards.
update receiver.processes
set counts = counts || coalesce((select jsonb_object_agg(series, counted) from given), '{}')
from (select count(*) from own) as read_before
where id = $1
