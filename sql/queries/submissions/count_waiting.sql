-- Count the submissions of each account that have not ended, and those of them whose answer was lost.
select source, api_url, account, count(*) as unfinished, count(*) filter (where state = 'unknown') as unknown
from receiver.submissions
where state in ('intended', 'uploaded', 'sent', 'accepted', 'unknown', 'ended')
group by source, api_url, account
