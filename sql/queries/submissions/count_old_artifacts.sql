-- Count the files of submissions that were over before a time, and their bytes; beyond $2 it is an estimate.
-- $1 horizon timestamptz, $2 limit bigint
with read as (
    select
        files.bytes,
        s.state in ('done', 'failed') and coalesce(s.ended_at, s.created_at) < $1 as is_old
    from (select submission, bytes from receiver.artifacts order by submission limit $2) as files
    cross join lateral (select * from receiver.submissions s where s.id = files.submission limit 1) as s
), told as (
    select
        count(*) filter (where is_old) as files, coalesce(sum(bytes) filter (where is_old), 0) as bytes,
        count(*) < $2 as is_exact
    from read
), share as (
    select case
        when is_exact then 1
        else (
            select greatest(reltuples::numeric, $2) from pg_catalog.pg_class where oid = 'receiver.artifacts'::regclass
        ) / $2
    end as times
    from told
)
select (files * times)::bigint as files, (bytes * times)::bigint as bytes, is_exact
from told, share
