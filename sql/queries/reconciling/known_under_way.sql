-- Return which of these transcriptions of an account were seen under way, if nothing has told since then when they ended.
-- $1 source text, $2 api_url text, $3 account text, $4 ids text[]
select t.transcription_id
from receiver.transcriptions t
where (t.source, t.api_url, t.account) = ($1, $2, $3) and t.transcription_id = any ($4) and t.ended_at is null
