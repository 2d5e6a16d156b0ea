-- Lock an answer, so that only one transaction at a time fetches it.
-- $1 source text, $2 api_url text, $3 transcription_id text, $4 completed_at text, $5 kind text
select pg_advisory_xact_lock(
    hashtextextended(concat_ws(chr(31), $1::text, $2::text, $3::text, $4::text, $5::text), 0)
)
