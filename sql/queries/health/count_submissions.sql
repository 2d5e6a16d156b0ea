-- Count the submissions of some accounts that have not ended, by source and state; those that take too long are `overdue`.
-- $1 sources text[], $2 api_urls text[], $3 accounts text[]
select source, state, count(*) as number
from (
    select source, api_url, account, state
    from receiver.submissions
    where state in ('intended', 'uploaded', 'sent', 'unknown')
    union all
    select source, api_url, account, case when overdue_at is null then state else 'overdue' end
    from receiver.submissions
    where state = 'accepted'
) as unfinished
join unnest($1::text[], $2::text[], $3::text[]) as ours (source, api_url, account) using (source, api_url, account)
group by source, state
order by source, state
