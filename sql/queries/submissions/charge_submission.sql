-- Write what a submission was charged into the ledger, unless something of it stands there: it was moved by an older version.
-- $1 id text
--
-- Of the tries before the last one nobody knows. Their answers were lost.
insert into receiver.charges (
    source, api_url, account, work, run, operation, pipeline, title, submission, amount, unit, perhaps, known_by, at
)
select
    s.source, s.api_url, s.account, case when is_last and s.remote_id is not null then s.remote_id else s.id end,
    case when is_last and s.remote_id is not null then 1 else try end, s.operation, s.wishes ->> 'pipeline_code',
    s.title, s.id, case when is_last then s.charged end, s.unit,
    not is_last or s.state = 'unknown' or (s.state = 'failed' and s.charged is null), 'answer',
    coalesce(s.accepted_at, s.ended_at, s.sent_at, s.created_at)
from receiver.submissions s
cross join generate_series(1, s.paid_tries) as try
cross join lateral (select try = s.paid_tries as is_last) as place
where s.id = $1 and s.state in ('accepted', 'unknown', 'ended', 'done', 'failed')
    and not exists (select from receiver.charges where submission = s.id)
on conflict (source, api_url, account, work, run) do update set submission = excluded.submission
