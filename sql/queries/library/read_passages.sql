-- Read some passages with what they are of, the words between marks where those are looked up, in the order they are named.
-- $1 transcripts bigint[], $2 numbers integer[], $3 words text
select
    l.id as transcript, p.number, l.at, l.source, l.api_url, l.account, l.transcription_id, l.title,
    l.config is null as is_unspaced, p.seconds, p.speaker, p.starts,
    case when l.config is null then p.text else ts_headline(
        l.config::regconfig, translate(p.text, '<', chr(4)), websearch_to_tsquery(l.config::regconfig, $3),
        'HighlightAll=true, StartSel="' || chr(2) || '", StopSel="' || chr(3) || '"'
    ) end as text
from unnest($1::bigint[], $2::integer[]) with ordinality as named (transcript, number, place)
cross join lateral (select * from receiver.library l where l.id = named.transcript limit 1) as l
cross join lateral (
    select * from receiver.passages p where p.transcript = named.transcript and p.number = named.number limit 1
) as p
order by named.place
