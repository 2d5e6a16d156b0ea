-- Return for each secret of an account how many events it has verified, and when the last of them was delivered.
-- $1 source text, $2 api_url text, $3 account text
select secret_fingerprint as fingerprint, count(*) as events, max(last_delivered_at) as last_matched
from receiver.events
where source = $1 and api_url = $2 and account = $3
group by secret_fingerprint
