-- Take events that came out of quarantine off the list of those that the ledger has passed unread; return them.
-- $1 limit bigint
with taken as (
    delete from receiver.uncharged u
    where u.event = any (array(select w.event from receiver.uncharged w order by w.event limit $1))
    returning u.event
)
select e.id, e.source, e.api_url, e.account, e.type, e.transcription_id, e.title, e.received_at, e.raw
from taken
join receiver.events e on e.id = taken.event
where e.type in ('transcription.completed', 'transcription.failed')
order by e.id
