-- Store a transcript's sections, in order.
-- $1 source text, $2 api_url text, $3 transcription_id text, $4 starts double precision[], $5 titles text[], $6 summaries text[]
insert into receiver.sections (source, api_url, transcription_id, position, start_seconds, title, summary)
select $1, $2, $3, s.position, s.starts, s.title, s.summary
from unnest($4::double precision[], $5::text[], $6::text[])
    with ordinality as s (starts, title, summary, position)
order by s.position
