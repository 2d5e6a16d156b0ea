-- Store the secret of a transcription's callback, and notify the web processes.
-- $1 token text, $2 transcription_id text, $3 secret text, $4 channel text
with kept as (
    update receiver.callbacks set transcription_id = $2, secret = $3 where token = $1 returning token
)
select pg_notify($4, '') from kept
