-- Take submissions that the provider is to be asked about now: the first of each account. Others leave them alone for a while.
-- $1 sources text[], $2 api_urls text[], $3 accounts text[], $4 lease interval, $5 limit bigint
with due as (
    select s.id
    from unnest($1::text[], $2::text[], $3::text[]) as given (source, api_url, account)
    cross join lateral (
        select s.id
        from receiver.submissions s
        where s.source = given.source and s.api_url = given.api_url and s.account = given.account
            and s.state = 'accepted' and s.look_at <= now()
        order by s.look_at
        limit $5
        for update skip locked
    ) as s
)
update receiver.submissions s
set look_at = now() + $4::interval, looks = s.looks + 1
from due
where s.id = due.id
returning s.*
