-- Return the time, and since when an account is reconciled.
-- $1 source text, $2 api_url text, $3 account text
select now() as now, reconcile_from from receiver.reconciliations where (source, api_url, account) = ($1, $2, $3)
