-- Store a transcript's chapters, in order.
-- $1 source text, $2 transcription_id text, $3 starts double precision[], $4 ends double precision[], $5 titles text[], $6 summaries text[]
insert into receiver.chapters (source, transcription_id, position, start_seconds, end_seconds, title, summary)
select $1, $2, c.position, c.starts, c.ends, c.title, c.summary
from unnest($3::double precision[], $4::double precision[], $5::text[], $6::text[])
    with ordinality as c (starts, ends, title, summary, position)
order by c.position
