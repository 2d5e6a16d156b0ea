-- Let the jobs of some events of an account, which have just been stored, wait behind what is live.
-- $1 source text, $2 api_url text, $3 account text, $4 event_ids text[]
update receiver.jobs j
set is_replay = true
from receiver.events e
where (e.source, e.api_url, e.account) = ($1, $2, $3) and e.event_id = any ($4) and j.event = e.id and j.attempt = 0
