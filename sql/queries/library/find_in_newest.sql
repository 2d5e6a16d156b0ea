-- Find the passages with some words in the newest transcripts, as many of them as may be read; tell how far that was.
-- $1 words text, $2 terms text[], $3 title text, $4 source text, $5 since interval, $6 at timestamptz, $7 transcript bigint, $8 number integer, $9 limit bigint, $10 passages bigint, $11 only_unspaced boolean
--
-- Only those behind $6, $7, $8. The words are looked up where there are spaces between words; elsewhere each term, a regular
-- expression, must match the text. A hundred transcripts at most, and at least one.
with newest as materialized (
    -- What is too old ends the list. As conditions the planner thinks that nearly nothing is left, and sorts all of it.
    select l.id, l.at, l.config, l.passages, l.at <= coalesce(now() - $5::interval, '-infinity') as is_old
    from receiver.library l
    where (l.at, l.id) <= ($6, $7)
        and case
            when l.id = $7 and $8 >= l.passages - 1 then false
            when $11 and l.config is not null then false
            when $4::text is not null and l.source <> $4 then false
            else $3::text is null or coalesce(l.title ~ $3, false)
        end
    order by l.at desc, l.id desc
    limit 100
), counted as materialized (
    select n.*, sum(n.passages) over (order by n.at desc, n.id desc) - n.passages as before
    from newest n
    where not n.is_old
), page as materialized (
    select c.*, q.query
    from counted c
    cross join lateral (select websearch_to_tsquery(c.config::regconfig, $1) as query offset 0) as q
    where c.before < $10 or c.before = 0
), found as (
    select page.at, page.id, p.number
    from page
    cross join lateral (
        select p.number
        from receiver.passages p
        where p.transcript = page.id and p.number > case when page.id = $7 then $8 else -1 end
            and case when page.config is null then p.text ~ all ($2) else p.words @@ page.query end
        order by p.number
        limit $9
    ) as p
    where page.config is null or (numnode(page.query) > 0 and querytree(page.query) not in ('', 'T'))
    order by page.at desc, page.id desc, p.number
    limit $9
)
select
    array(select f.at from found f order by f.at desc, f.id desc, f.number) as ats,
    array(select f.id from found f order by f.at desc, f.id desc, f.number) as transcripts,
    array(select f.number from found f order by f.at desc, f.id desc, f.number) as numbers,
    (select coalesce(sum(page.passages), 0) from page)::bigint as passages, (select min(page.at) from page) as last_at,
    (select page.id from page order by page.at, page.id limit 1) as last_transcript,
    (select count(*) from page) = (select count(*) from counted)
    and (select count(*) < 100 or bool_or(is_old) from newest) as is_end
