-- Count the submissions whose answer was lost, those that take too long, and all that a provider may be working on.
select
    count(*) filter (where state = 'unknown') as unknown,
    min(sent_at) filter (where state = 'unknown') as unknown_since,
    count(overdue_at) filter (where state = 'accepted') as overdue,
    min(accepted_at) filter (where state = 'accepted' and overdue_at is not null) as overdue_since,
    count(*) filter (where state <> 'unknown') as under_way
from (
    -- In two parts, because an index has each of them.
    select state, sent_at, accepted_at, overdue_at from receiver.submissions where state in ('sent', 'unknown')
    union all
    select state, sent_at, accepted_at, overdue_at from receiver.submissions where state = 'accepted'
) waiting
