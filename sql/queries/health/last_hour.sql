-- Return the sum of what all processes have counted in the last hour.
select series, sum(value) as value
from receiver.minutes
where at > now() - interval '1 hour'
group by series
