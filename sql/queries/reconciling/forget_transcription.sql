-- Forget a transcription that the provider does not know any more.
-- $1 source text, $2 api_url text, $3 account text, $4 transcription_id text
delete from receiver.transcriptions where (source, api_url, account, transcription_id) = ($1, $2, $3, $4)
