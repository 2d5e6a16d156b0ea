-- Lock a regeneration, so that only one transaction at a time asks for it, and return what is known of it.
-- $1 id bigint, $2 window interval
select state, error, idempotency_key, intended_at > now() - $2::interval as is_repeated
from receiver.regenerations
where id = $1
for update
