-- Note of transcriptions under way that they take too long; return those of which nobody had noted it.
-- $1 source text, $2 api_url text, $3 account text, $4 ids text[]
update receiver.transcriptions
set overdue_at = now()
where (source, api_url, account) = ($1, $2, $3) and transcription_id = any ($4) and overdue_at is null
    and status not in ('completed', 'failed', 'cancelled')
returning transcription_id
