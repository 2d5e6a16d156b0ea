-- Keep an account for longer, while its list is read; return it unless another process has it.
-- $1 source text, $2 api_url text, $3 account text, $4 leased_until timestamptz, $5 lease interval
update receiver.reconciliations
set leased_until = now() + $5::interval
where (source, api_url, account) = ($1, $2, $3) and leased_until = $4
returning leased_until
