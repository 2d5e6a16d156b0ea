-- Return for each secret of an API how many events it has verified, and when the last of them was delivered.
-- $1 api_url text
select secret_fingerprint as fingerprint, count(*) as events, max(last_delivered_at) as last_matched
from receiver.events
where api_url = $1
group by secret_fingerprint
