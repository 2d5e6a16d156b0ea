-- Note what a process knows now.
-- $1 id uuid, $2 told jsonb
update receiver.processes set told = $2 where id = $1
