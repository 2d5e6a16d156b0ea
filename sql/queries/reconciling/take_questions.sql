-- Take transcriptions under way that an account's list does not reach any more, and that nobody has asked about for a while.
-- $1 source text, $2 api_url text, $3 account text, $4 before timestamptz, $5 limit bigint
with due as (
    select t.transcription_id
    from receiver.transcriptions t
    where (t.source, t.api_url, t.account) = ($1, $2, $3) and t.status not in ('completed', 'failed', 'cancelled')
        and t.ask_at <= now() and coalesce(t.created_at, '-infinity') < $4
    order by t.ask_at
    limit $5
    for update skip locked
)
update receiver.transcriptions t
set ask_at = now() + case when t.since > now() - interval '1 day' then interval '10 minutes' else interval '1 hour' end
from due
where (t.source, t.api_url, t.account, t.transcription_id) = ($1, $2, $3, due.transcription_id)
returning t.transcription_id
