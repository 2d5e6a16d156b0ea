-- Give a name to a transcription's files, unless another one has it. Return the name if the transcription has it now.
-- $1 place text, $2 folded text, $3 name text, $4 source text, $5 api_url text, $6 transcription_id text, $7 template text
insert into receiver.file_names as n (place, folded, name, source, api_url, transcription_id, template)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (place, folded) do update set name = excluded.name, template = excluded.template
    where (n.source, n.api_url, n.transcription_id) = (excluded.source, excluded.api_url, excluded.transcription_id)
returning name
