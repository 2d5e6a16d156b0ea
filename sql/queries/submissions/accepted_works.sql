-- Return the submissions of an account that the provider works on under these ids.
-- $1 source text, $2 api_url text, $3 account text, $4 remote_ids text[]
select * from receiver.submissions
where source = $1 and api_url = $2 and account = $3 and remote_id = any ($4) and state = 'accepted'
