-- Retire registrations or unfinished registration attempts, and notify the web processes.
-- $1 registrations bigint[], $2 channel text
with retired as (
    update receiver.registrations set retired_at = now() where id = any ($1)
)
select pg_notify($2, '')
