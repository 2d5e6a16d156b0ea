-- Return why an account's last comparison was broken off, if the last whole one was more than an hour ago.
-- $1 source text, $2 api_url text, $3 account text
select trouble
from receiver.reconciliations
where (source, api_url, account) = ($1, $2, $3) and now() - coalesce(compared_at, reconcile_from) > interval '1 hour'
