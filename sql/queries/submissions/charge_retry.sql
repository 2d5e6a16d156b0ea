-- Write into the ledger that a transcription was started again: one more run, at the price that the provider has said.
-- $1 source text, $2 api_url text, $3 account text, $4 transcription_id text, $5 amount double precision, $6 pipeline text, $7 title text
with whose as (
    -- The account of the user under which its first run stands.
    select coalesce((
        select r.account
        from receiver.reconciliations r
        join receiver.charges c on (c.source, c.api_url, c.account, c.work) = ($1, $2, r.account, $4)
        where r.source = $1 and r.api_url = $2 and receiver.is_known_user($1, $2, $3, r.account)
        order by r.account = $3 desc, c.id
        limit 1
    ), $3) as account
)
insert into receiver.charges (
    source, api_url, account, work, run, operation, pipeline, title, amount, unit, known_by
)
select
    $1, $2, (select account from whose), $4, coalesce(max(run), 0) + 1, 'retry', coalesce($6, max(pipeline)), coalesce($7, max(title)),
    $5::double precision::numeric, 'USD', 'answer'
from receiver.charges
where source = $1 and api_url = $2 and account = (select account from whose) and work = $4
