-- Give a name to a transcription's files, unless another one has it, or this one has a name of this template.
-- $1 place text, $2 folded text, $3 name text, $4 source text, $5 api_url text, $6 transcription_id text, $7 template text
with renamed as (
    update receiver.file_names set name = $3, template = $7
    where (place, folded) = ($1, $2) and (source, api_url, transcription_id) = ($4, $5, $6)
    returning name
)
insert into receiver.file_names (place, folded, name, source, api_url, transcription_id, template)
select $1, $2, $3, $4, $5, $6, $7 where not exists (select from renamed)
on conflict do nothing
