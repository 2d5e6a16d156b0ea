-- Add dead jobs to what is to be told of each handler and account.
-- $1 sources text[], $2 api_urls text[], $3 accounts text[], $4 type text, $5 handlers text[], $6 numbers bigint[], $7 sinces timestamptz[], $8 errors text[]
insert into receiver.notices as n (source, api_url, account, type, about, untold, since, error)
select source, api_url, account, $4, handler, number, since, error
from unnest($1::text[], $2::text[], $3::text[], $5::text[], $6::bigint[], $7::timestamptz[], $8::text[])
    as given (source, api_url, account, handler, number, since, error)
on conflict (source, api_url, account, type, about) do update
    set untold = n.untold + excluded.untold, since = coalesce(n.since, excluded.since), error = excluded.error
