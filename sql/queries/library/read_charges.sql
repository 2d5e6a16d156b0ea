-- Return what was charged for a transcription: its runs, the submission that it is of, and titles made anew.
-- $1 source text, $2 api_url text, $3 account text, $4 transcription_id text
select c.operation, c.amount, c.unit, c.perhaps
from (
    select id from receiver.charges
    where source = $1 and api_url = $2 and account = $3 and work = $4
    union
    select c.id
    from receiver.charges c
    where c.submission = $4 and c.source = $1 and c.api_url = $2
    union
    select c.id
    from receiver.regenerations r
    cross join lateral (
        select c.id from receiver.charges c
        where c.source = $1 and c.api_url = $2 and c.account = r.account and c.work = 'regeneration/' || r.id
        limit 1
    ) as c
    where r.source = $1 and r.api_url = $2 and r.transcription_id = $4
) as found
join receiver.charges c on c.id = found.id
order by c.at, c.id
limit 100
