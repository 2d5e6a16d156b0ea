-- Find the passages with some words, newest transcripts first, if there are few; count them, at most as far as is asked for.
-- $1 words text, $2 most bigint, $3 title text, $4 source text, $5 since interval, $6 at timestamptz, $7 transcript bigint, $8 number integer, $9 limit bigint
--
-- Only those behind $6, $7, $8. In each language with its own query; one that excludes words only, or names only words
-- that every text has, cannot be looked up. Where words of a phrase stand apart only the text tells, so those that have all
-- of its words are counted.
with recursive known as (
    select min(config) as config from receiver.library where config is not null
    union all
    select (select min(l.config) from receiver.library l where l.config > known.config)
    from known
    where known.config is not null
), asked as materialized (
    select
        array_agg(k.config) as configs, q.query,
        case when q.query::text like '%!%' then q.query
            else regexp_replace(q.query::text, '<(-|[0-9]+)>', '&', 'g')::tsquery end as loose
    from known k
    cross join lateral (select websearch_to_tsquery(k.config::regconfig, $1) as query offset 0) as q
    where k.config is not null and numnode(q.query) > 0 and querytree(q.query) not in ('', 'T')
    group by q.query
), candidates as materialized (
    select p.transcript, p.number, a.query, a.query = a.loose as is_exact
    from asked a
    cross join lateral (
        select p.transcript, p.number
        from receiver.passages p
        where p.words @@ a.loose and p.config = any (a.configs)
        limit $2
    ) as p
    limit $2
), told as (
    select (select count(*) from candidates) as candidates, (select count(*) from asked) as asked
), found as (
    select l.at, l.id, c.number
    from told
    cross join candidates c
    cross join lateral (select * from receiver.library l where l.id = c.transcript limit 1) as l
    where told.candidates < $2
        and (c.is_exact or (
            select p.words from receiver.passages p where p.transcript = c.transcript and p.number = c.number
        ) @@ c.query)
        and ($3::text is null or l.title ~ $3) and ($4::text is null or l.source = $4)
        and ($5::interval is null or l.at > now() - $5) and (l.at, l.id) <= ($6, $7)
        and not ((l.at, l.id) = ($6, $7) and c.number <= $8)
    order by l.at desc, l.id desc, c.number
    limit $9
)
select
    told.candidates, told.asked, (select count(*) from known where config is not null) as configs,
    array(select f.at from found f order by f.at desc, f.id desc, f.number) as ats,
    array(select f.id from found f order by f.at desc, f.id desc, f.number) as transcripts,
    array(select f.number from found f order by f.at desc, f.id desc, f.number) as numbers
from told
