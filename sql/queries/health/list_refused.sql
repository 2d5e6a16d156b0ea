-- Return the last deliveries that were refused although their signature has the right form, newest first.
-- $1 limit bigint
select source, api_url, account, token, reason, client, at, head, body
from receiver.refused
order by at desc, place
limit $1
