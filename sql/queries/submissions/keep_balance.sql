-- Keep what an account's provider has said of its balance, or why it has said nothing; what it said before stays then.
-- $1 source text, $2 api_url text, $3 account text, $4 balance double precision, $5 unit text, $6 trouble text
update receiver.balances
set unit = $5, trouble = $6, balance = coalesce($4, balance), seen_at = case when $4::double precision is null then seen_at else now() end
where (source, api_url, account) = ($1, $2, $3)
