-- Store where the files of a submission lie; files of before that are gone are forgotten.
-- $1 source text, $2 api_url text, $3 account text, $4 submission text, $5 operation text, $6 recording text, $7 names text[], $8 content_types text[], $9 sizes bigint[], $10 sha256s text[], $11 places text[]
with gone as (
    delete from receiver.files where source = $1 and api_url = $2 and submission = $4 and name <> all ($7::text[])
)
insert into receiver.files
    (source, api_url, account, submission, operation, recording, name, content_type, bytes, sha256, place)
select $1, $2, $3, $4, $5, $6, f.name, f.content_type, f.bytes, f.sha256, f.place
from unnest($7::text[], $8::text[], $9::bigint[], $10::text[], $11::text[])
    as f (name, content_type, bytes, sha256, place)
on conflict (source, api_url, submission, name) do update
    set content_type = excluded.content_type, bytes = excluded.bytes, sha256 = excluded.sha256,
        place = excluded.place, stored_at = now()
