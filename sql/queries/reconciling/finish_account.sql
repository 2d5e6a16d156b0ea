-- Note what a comparison has come to, and when the next one is; a null leaves the watermark where it was.
-- $1 source text, $2 api_url text, $3 account text, $4 leased_until timestamptz, $5 watermark timestamptz, $6 found integer, $7 trouble text, $8 next_after interval
update receiver.reconciliations
set watermark = coalesce($5, watermark),
    compared_at = case when $5 is null then compared_at else now() end,
    found = found + $6,
    trouble = $7,
    due_at = now() + $8::interval,
    leased_until = '-infinity'
where (source, api_url, account) = ($1, $2, $3) and leased_until = $4
