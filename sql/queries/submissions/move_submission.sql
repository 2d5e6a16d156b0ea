-- Move a submission to a state, and change what comes with the move; return it, or nothing if it cannot move there.
-- $1 id text, $2 state text, $3 from text[], $4 tries integer, $5 more_tries integer, $6 more_permitted integer, $7 remote_file text, $8 remote_file_expires_at timestamptz, $9 remote_id text, $10 said text, $11 charged double precision, $12 error text, $13 look_after interval, $14 bytes bigint, $15 balance_before double precision
--
-- With $4 it moves only if it was sent exactly so often: an answer to another try is not an answer to this one.
-- What it may have been charged is a row of the ledger: under the id of the provider's work, or under ours and the try
-- where there is none. An amount that the provider's event has told stays.
with moved as (
    update receiver.submissions
    set state = $2::text,
        paid_tries = paid_tries + $5,
        permitted_tries = permitted_tries + $6,
        remote_file = coalesce($7, remote_file),
        remote_file_expires_at = case when $7::text is null then remote_file_expires_at else $8 end,
        -- A work of an earlier try is not that of this one.
        remote_id = case when $2 = 'sent' then null else coalesce($9, remote_id) end,
        said = coalesce($10, said),
        -- What failed is not charged as it was said at its start, unless the provider says so.
        charged = case when $2 = 'failed' then $11 else coalesce($11, charged) end,
        error = $12,
        bytes = coalesce($14, bytes),
        balance_before = case when $2 = 'sent' then $15 else balance_before end,
        look_at = case when $2 = 'accepted' then now() + coalesce($13::interval, interval '0') else look_at end,
        seen_at = case when $2 = 'accepted' then now() else seen_at end,
        uploaded_at = case when $2 = 'uploaded' and state = 'intended' then now() else uploaded_at end,
        overdue_at = case when $2 = 'sent' then null else overdue_at end,
        sent_at = case when $2 = 'sent' then now() else sent_at end,
        missing_since = case when $2 = 'accepted' then null else missing_since end,
        accepted_at = case when $2 = 'accepted' then now() else accepted_at end,
        ended_at = case when $2 in ('ended', 'failed') then now() else ended_at end
    where id = $1 and state = any ($3) and ($4::integer is null or paid_tries = $4)
    returning *
), found as (
    -- The work of an answer that was lost is known now.
    delete from receiver.charges c
    using moved m
    where m.remote_id is not null and m.state in ('accepted', 'ended') and c.source = m.source
        and c.api_url = m.api_url and c.account = m.account and c.work = m.id and c.run = m.paid_tries
), failed as (
    update receiver.charges c
    set amount = m.charged, perhaps = m.charged is null
    from moved m
    where m.state = 'failed' and m.paid_tries > 0 and c.known_by = 'answer' and c.source = m.source
        and c.api_url = m.api_url and c.account = m.account and c.work = coalesce(m.remote_id, m.id)
        and c.run = case when m.remote_id is null then m.paid_tries else 1 end
), charge as (
    insert into receiver.charges as c (
        source, api_url, account, work, run, operation, pipeline, title, submission, amount, unit, perhaps, known_by
    )
    select
        source, api_url, account, coalesce(remote_id, id), case when remote_id is null then paid_tries else 1 end,
        operation, wishes ->> 'pipeline_code', title, id, charged, unit, state = 'unknown', 'answer'
    from moved
    where state in ('accepted', 'ended') or (state = 'unknown' and paid_tries > 0)
    on conflict (source, api_url, account, work, run) do update set
        operation = excluded.operation,
        pipeline = coalesce(excluded.pipeline, c.pipeline),
        title = coalesce(excluded.title, c.title),
        submission = excluded.submission,
        amount = case when c.known_by = 'event' then c.amount else coalesce(excluded.amount, c.amount) end,
        unit = coalesce(c.unit, excluded.unit),
        perhaps = c.perhaps and excluded.perhaps
)
select * from moved
