-- Return why an account's last comparison was broken off, and when the last whole one was.
-- $1 source text, $2 api_url text, $3 account text
select trouble, compared_at, now() - coalesce(compared_at, reconcile_from) > interval '1 hour' as is_long_ago
from receiver.reconciliations
where (source, api_url, account) = ($1, $2, $3)
