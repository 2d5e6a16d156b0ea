-- Return the submission that a transcription is of: its own, or one whose work it is at the provider; null if none is known.
-- $1 source text, $2 api_url text, $3 account text, $4 transcription_id text
select s.id, s.url
from receiver.submissions s
where s.id in (
    select o.id from receiver.submissions o where o.id = $4
    union all
    select o.id from receiver.submissions o
    where o.source = $1 and o.api_url = $2 and o.account = $3 and o.remote_id = $4
)
order by s.created_at desc
limit 1
