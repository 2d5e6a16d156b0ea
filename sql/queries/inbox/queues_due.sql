-- Say which queues of some accounts and handlers have a due job: places in $1 and in $4, and whether they are replays.
-- $1 sources text[], $2 api_urls text[], $3 accounts text[], $4 handlers text[]
select account.place::integer as account, handler.place::integer as handler, kind.is_replay
from unnest($1::text[], $2::text[], $3::text[]) with ordinality as account (source, api_url, name, place)
cross join unnest($4::text[]) with ordinality as handler (name, place)
cross join unnest(array[false, true]) as kind (is_replay)
cross join lateral (
    select
    from receiver.jobs j
    where j.source = account.source and j.api_url = account.api_url and j.account = account.name
        and j.handler = handler.name and j.is_replay = kind.is_replay and j.state = 'pending' and j.due_at <= now()
    order by j.due_at, j.id
    limit 1
) as due
order by account.place, handler.place, kind.is_replay
