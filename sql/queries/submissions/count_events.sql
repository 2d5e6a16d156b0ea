-- Add the next events that the ledger has passed to the totals, by source, type and origin; return how many ids were looked at.
-- $1 limit bigint, $2 most bigint
--
-- Beyond $2 series, further types are counted as one: whoever sends events makes up their types.
with span as (
    select c.last_event as after, least(l.last_event, c.last_event + $1) as up_to
    from receiver.counted c
    cross join receiver.ledger l
    where l.last_event > c.last_event
    for update of c skip locked
), moved as (
    update receiver.counted c set last_event = span.up_to from span returning span.after, span.up_to
), known as (
    select series from receiver.totals where starts_with(series, 'events[')
), found as (
    select
        'events' || jsonb_build_array(e.source, coalesce(left(e.type, 64), ''), e.origin)::text as series,
        'events' || jsonb_build_array(e.source, 'other', e.origin)::text as otherwise, count(*) as number
    from moved
    join receiver.events e on e.id > moved.after and e.id <= moved.up_to
    group by 1, 2
), added as (
    insert into receiver.totals as t (series, value)
    select
        case when series in (select series from known) or (select count(*) from known) < $2 then series else otherwise end,
        sum(number)
    from found
    group by 1
    order by 1
    on conflict (series) do update set value = t.value + excluded.value
)
select up_to - after from moved
