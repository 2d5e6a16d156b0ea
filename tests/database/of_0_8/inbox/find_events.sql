-- Find the events that a name means: an event's id, source/id, @key, or a transcription's id. Newest first.
-- $1 name text
with named as (
    select e.id
    from receiver.senders s
    cross join lateral (
        select e.id
        from receiver.events e
        where (e.source, e.api_url, e.account) = (s.source, s.api_url, s.account)
            and e.event_id in ($1, case when starts_with($1, s.source || '/') then substr($1, length(s.source) + 2) end)
    ) as e
    union
    select e.id from receiver.events e where e.id = (substring($1 from '^@([0-9]{1,18})$'))::bigint
    union
    select e.id from receiver.events e where e.transcription_id = $1 and e.type like 'transcription.%'
)
select inbox.* from receiver.inbox inbox join named on named.id = inbox.id order by inbox.id desc
