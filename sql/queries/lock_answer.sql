-- Let one transaction at a time fetch an answer.
-- $1 source text, $2 transcription_id text, $3 completed_at text, $4 kind text
select pg_advisory_xact_lock(hashtextextended(concat_ws(chr(31), $1::text, $2::text, $3::text, $4::text), 0))
