-- Note whose key an account is.
-- $1 source text, $2 api_url text, $3 account text, $4 user_id text
update receiver.reconciliations set user_id = $4
where (source, api_url, account) = ($1, $2, $3) and user_id is distinct from $4
