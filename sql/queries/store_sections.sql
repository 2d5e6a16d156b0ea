-- Store a transcript's sections, in order.
-- $1 source text, $2 transcription_id text, $3 starts double precision[], $4 titles text[], $5 summaries text[]
insert into receiver.sections (source, transcription_id, position, start_seconds, title, summary)
select $1, $2, s.position, s.starts, s.title, s.summary
from unnest($3::double precision[], $4::text[], $5::text[])
    with ordinality as s (starts, title, summary, position)
order by s.position
