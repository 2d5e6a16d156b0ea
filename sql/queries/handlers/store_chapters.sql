-- Store a transcript's chapters, in order.
-- $1 source text, $2 api_url text, $3 transcription_id text, $4 starts double precision[], $5 ends double precision[], $6 titles text[], $7 summaries text[]
insert into receiver.chapters (source, api_url, transcription_id, position, start_seconds, end_seconds, title, summary)
select $1, $2, $3, c.position, c.starts, c.ends, c.title, c.summary
from unnest($4::double precision[], $5::double precision[], $6::text[], $7::text[])
    with ordinality as c (starts, ends, title, summary, position)
order by c.position
