-- Give up a registration or an intent.
-- $1 registration bigint
update receiver.registrations set retired_at = now() where id = $1
