-- Store a transcript's segments, in order.
-- $1 source text, $2 transcription_id text, $3 starts double precision[], $4 ends double precision[], $5 speakers text[], $6 texts text[]
insert into receiver.segments (source, transcription_id, position, start_seconds, end_seconds, speaker, text)
select $1, $2, s.position, s.starts, s.ends, s.speaker, s.text
from unnest($3::double precision[], $4::double precision[], $5::text[], $6::text[])
    with ordinality as s (starts, ends, speaker, text, position)
order by s.position
