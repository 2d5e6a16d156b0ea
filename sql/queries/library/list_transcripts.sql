-- List transcripts, newest first, behind one of them.
-- $1 title text, $2 source text, $3 since interval, $4 at timestamptz, $5 transcript bigint, $6 limit bigint
--
-- $1 is a regular expression.
select
    l.id, l.source, l.api_url, l.account, l.transcription_id, l.at, l.title, l.language, l.seconds
from receiver.library l
where (l.at, l.id) < ($4, $5) and l.at > coalesce(now() - $3::interval, '-infinity')
    -- One condition: of several the planner thinks that nearly nothing is left, and sorts the whole list.
    and case
        when $2::text is not null and l.source <> $2 then false
        else $1::text is null or coalesce(l.title ~ $1, false)
    end
order by l.at desc, l.id desc
limit $6
