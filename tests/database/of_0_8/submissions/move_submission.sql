-- Move a submission to a state, and change what comes with the move; return it, or nothing if it cannot move there.
-- $1 id text, $2 state text, $3 from text[], $4 tries integer, $5 more_tries integer, $6 more_permitted integer, $7 remote_file text, $8 remote_file_expires_at timestamptz, $9 remote_id text, $10 said text, $11 charged double precision, $12 error text, $13 look_after interval, $14 bytes bigint, $15 balance_before double precision
--
-- With $4 it moves only if it was sent exactly so often: an answer to another try is not an answer to this one.
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
