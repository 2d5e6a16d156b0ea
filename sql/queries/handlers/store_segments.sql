-- Store a transcript's segments, in order.
-- $1 source text, $2 api_url text, $3 transcription_id text, $4 starts double precision[], $5 ends double precision[], $6 speakers text[], $7 texts text[], $8 words jsonb[]
insert into receiver.segments (source, api_url, transcription_id, position, start_seconds, end_seconds, speaker, text, words)
select $1, $2, $3, s.position, s.starts, s.ends, s.speaker, s.text, s.words
from unnest($4::double precision[], $5::double precision[], $6::text[], $7::text[], $8::jsonb[])
    with ordinality as s (starts, ends, speaker, text, words, position)
order by s.position
