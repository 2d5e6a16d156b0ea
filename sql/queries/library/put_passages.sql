-- Put passages of a transcript into the library.
-- $1 transcript bigint, $2 numbers integer[], $3 seconds double precision[], $4 speakers text[], $5 texts text[], $6 starts text[]
--
-- A `<` begins no markup here: what was said stands behind it, and would not be found.
insert into receiver.passages (transcript, number, seconds, speaker, text, starts, config, words)
select
    l.id, p.number, p.seconds, p.speaker, p.text, p.starts::jsonb, l.config,
    case when l.config is null then '' else to_tsvector(l.config::regconfig, translate(p.text, '<', chr(4))) end
from receiver.library l
cross join unnest($2::integer[], $3::double precision[], $4::text[], $5::text[], $6::text[])
    as p (number, seconds, speaker, text, starts)
where l.id = $1
