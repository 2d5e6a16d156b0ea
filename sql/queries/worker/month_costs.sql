-- Add up what each account was charged in USD in this month (UTC), and in the months since costs were added up.
-- $1 added_up_at timestamptz
--
-- A charge can be written down after its month has ended, so on the first day of a month the one before counts too.
select
    source, api_url, account, to_char(at at time zone 'UTC', 'YYYY-MM') as month, now() as added_up_at,
    sum(amount) as amount
from receiver.charges
where at >= date_trunc('month', ($1::timestamptz - interval '1 day') at time zone 'UTC') at time zone 'UTC'
    and unit = 'USD' and not perhaps
group by source, api_url, account, month
having sum(amount) > 0
order by month
