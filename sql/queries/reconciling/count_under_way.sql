-- Count an account's transcriptions under way, and those of them that take too long, each up to $4.
-- $1 source text, $2 api_url text, $3 account text, $4 limit bigint
select count(*) as under_way, count(overdue_at) as overdue, min(created_at) filter (where overdue_at is not null) as since
from (
    select t.overdue_at, t.created_at
    from receiver.transcriptions t
    where (t.source, t.api_url, t.account) = ($1, $2, $3) and t.status not in ('completed', 'failed', 'cancelled')
    order by t.ask_at
    limit $4
) as t
