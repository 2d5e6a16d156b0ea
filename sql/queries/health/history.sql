-- Return what all processes have counted in each of the last steps of time; place 0 is the oldest step.
-- $1 step interval, $2 steps integer
select (extract(epoch from date_bin($1, at, since) - since) / extract(epoch from $1))::integer as place, series,
    sum(value) as value
from receiver.minutes
cross join (select date_bin($1, now(), 'epoch') - ($2 - 1) * $1 as since) as first
where at >= since and at < since + $2 * $1
    and (series like 'deliveries[%' or series like 'refusals[%' or series like 'attempts[%' or series like 'answer_seconds[%')
group by place, series
