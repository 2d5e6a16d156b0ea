-- Note the event that announces the end of a submission, which was appended under this id.
-- $1 id text, $2 event_id text
update receiver.submissions s
set event = e.id
from receiver.events e
where s.id = $1 and e.source = s.source and e.api_url = s.api_url and e.account = s.account and e.event_id = $2
