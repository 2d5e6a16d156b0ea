-- Add up what each account was charged in USD since the month began (UTC).
select
    source, api_url, account, to_char(now() at time zone 'UTC', 'YYYY-MM') as month, now() as added_up_at,
    sum(amount) as amount
from receiver.charges
where at >= date_trunc('month', now() at time zone 'UTC') at time zone 'UTC' and unit = 'USD' and not perhaps
group by source, api_url, account
having sum(amount) > 0
