-- Return which of some works of a key are those of submissions, under whatever name of an account.
-- $1 source text, $2 api_url text, $3 key_fingerprint text, $4 remote_ids text[], $5 but_of text
select remote_id from receiver.submissions
where source = $1 and api_url = $2 and key_fingerprint = $3 and remote_id = any ($4) and id <> $5
