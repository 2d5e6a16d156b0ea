-- Keep where the files of a submission lie; a file that was fetched again replaces the row of before.
-- $1 submission text, $2 names text[], $3 content_types text[], $4 sizes bigint[], $5 sha256s text[], $6 places text[]
insert into receiver.artifacts as a (submission, name, content_type, bytes, sha256, place)
select $1, given.name, given.content_type, given.bytes, given.sha256, given.place
from unnest($2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[])
    as given (name, content_type, bytes, sha256, place)
on conflict (submission, name) do update
    set content_type = excluded.content_type, bytes = excluded.bytes, sha256 = excluded.sha256,
        place = excluded.place, fetched_at = now()
