-- Cancel a running bulk replay, or resume a cancelled one; return it if it was as it had to be.
-- $1 id bigint, $2 from_state text, $3 to_state text
update receiver.replays
set state = $3, ended_at = case when $3 = 'running' then null else now() end
where id = $1 and state = $2
returning id
