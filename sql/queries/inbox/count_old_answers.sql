-- Count the kept answers that were fetched before a time; beyond $2 it is an estimate, from the share of so many.
-- $1 horizon timestamptz, $2 limit bigint
select
    case
        when count(*) < $2 then count(*) filter (where fetched_at < $1)
        else count(*) filter (where fetched_at < $1) * (
            select greatest(reltuples::bigint, $2) from pg_catalog.pg_class where oid = 'receiver.archive'::regclass
        ) / $2
    end::bigint as answers,
    count(*) < $2 as is_exact
from (
    select fetched_at
    from receiver.archive
    order by source, api_url, transcription_id, completed_at, kind
    limit $2
) as read
