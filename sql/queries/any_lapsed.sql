-- Whether a running job's lease has run out.
-- $1 handlers text[], $2 api_url text
select exists (
    select
    from receiver.jobs j
    join receiver.events e on e.id = j.event
    where j.state = 'running' and j.due_at <= now() and j.handler = any ($1) and e.api_url = $2
)
