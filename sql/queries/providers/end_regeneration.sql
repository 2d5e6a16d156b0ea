-- Write what became of a regeneration. An answered one is charged, and of a lost one nobody knows.
-- $1 id bigint, $2 state text, $3 error text
with regeneration as (
    update receiver.regenerations
    set state = $2::text, error = $3, ended_at = now()
    where id = $1
    returning source, api_url, account, id
), answered as (
    update receiver.charges c
    set perhaps = false
    from regeneration r
    where (c.source, c.api_url, c.account, c.work) = (r.source, r.api_url, r.account, 'regeneration/' || r.id)
        and $2 = 'answered'
)
delete from receiver.charges c
using regeneration r
where (c.source, c.api_url, c.account, c.work) = (r.source, r.api_url, r.account, 'regeneration/' || r.id)
    and $2 = 'refused'
