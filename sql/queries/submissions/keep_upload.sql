-- Keep what an upload has reached.
-- $1 id text, $2 upload jsonb
update receiver.submissions set upload = $2 where id = $1 and state = 'intended'
