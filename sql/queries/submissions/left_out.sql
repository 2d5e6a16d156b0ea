-- Return when the first charge was made that is older than the newest ones since a moment; null if there is none.
-- $1 since interval, $2 newest bigint
select at
from receiver.charges
where at >= now() - $1::interval
order by at desc
offset $2
limit 1
