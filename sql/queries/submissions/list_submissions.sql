-- List submissions in some states, newest first, from the one that is next to a submission on.
-- $1 states text[], $2 limit bigint, $3 title text, $4 source text, $5 account text, $6 since interval, $7 before text
--
-- $3 is a regular expression for the title or, where there is none, for the recording's name. Each state is read from its newest back,
-- until it has enough.
select s.*
from unnest($1::text[]) as wanted (state)
cross join lateral (
    select *
    from receiver.submissions s
    where s.state = wanted.state and s.created_at > coalesce(now() - $6::interval, '-infinity')
        and (s.created_at, s.id) < (
            coalesce((select b.created_at from receiver.submissions b where b.id = $7), 'infinity'), coalesce($7, '')
        )
        and ($3::text is null or coalesce(s.title, s.recording) ~ $3)
        and ($4::text is null or s.source = $4) and ($5::text is null or s.account = $5)
    order by s.created_at desc, s.id desc
    limit $2
) as s
order by s.created_at desc, s.id desc
limit $2
