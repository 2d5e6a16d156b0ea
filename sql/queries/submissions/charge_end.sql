-- Write what the provider says that a run of a transcription was charged into the ledger: one row for each run.
-- $1 source text, $2 api_url text, $3 account text, $4 transcription_id text, $5 completed_at timestamptz, $6 came_at timestamptz, $7 amount double precision, $8 pipeline text, $9 title text, $10 event bigint, $11 has_failed boolean
--
-- It is the run that ended at the same second. Else it is the first one under way. Else, where either tells no time, it is
-- the last one, if that can be: a run cannot have ended after its end was known. Else it is a run of which we did not know.
-- A charge that nobody wrote before is of the time when its run ended, however late that is told, never of a time to come.
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
), runs as (
    select run, completed_at, ended_at, max(run) over () as last
    from receiver.charges
    where source = $1 and api_url = $2 and account = (select account from whose) and work = $4
), known as (
    select run
    from runs
    where
        (completed_at > $5::timestamptz - interval '1 s' and completed_at < $5::timestamptz + interval '1 s')
        or ended_at is null
        or (
            run = last and case
                when $5::timestamptz is null then true
                else completed_at is null and $5 <= ended_at + interval '5 min'
            end
        )
    order by coalesce(completed_at > $5::timestamptz - interval '1 s' and completed_at < $5::timestamptz + interval '1 s', false) desc, run
    limit 1
), run as (
    select coalesce((select run from known), (select max(last) + 1 from runs), 1) as run
)
insert into receiver.charges as c (
    source, api_url, account, work, run, operation, pipeline, title, submission, event, amount, unit, perhaps, known_by,
    at, completed_at, ended_at
)
select
    $1, $2, whose.account, $4, run.run, case when run.run > 1 then 'retry' else 'transcription' end,
    coalesce($8, s.wishes ->> 'pipeline_code'), coalesce($9, s.title), s.id, $10, $7::double precision::numeric, 'USD',
    $7 is null and $11, 'event', least($5, $6, now()), $5, coalesce($5, $6)
from run
cross join whose
left join receiver.submissions s
    on s.source = $1 and s.api_url = $2 and s.account = whose.account and s.remote_id = $4 and run.run = 1
on conflict (source, api_url, account, work, run) do update set
    pipeline = coalesce(c.pipeline, excluded.pipeline),
    title = coalesce(c.title, excluded.title),
    submission = coalesce(c.submission, excluded.submission),
    event = coalesce(c.event, excluded.event),
    amount = coalesce(excluded.amount, c.amount),
    unit = coalesce(c.unit, excluded.unit),
    perhaps = coalesce(excluded.amount, c.amount) is null and excluded.perhaps,
    known_by = case when excluded.amount is null then c.known_by else 'event' end,
    completed_at = coalesce(c.completed_at, excluded.completed_at),
    ended_at = coalesce(c.ended_at, excluded.ended_at)
