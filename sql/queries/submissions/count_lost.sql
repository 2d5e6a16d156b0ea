-- Count the submissions of a key and an operation that were sent and have no answer, under all names of accounts.
-- $1 source text, $2 api_url text, $3 key_fingerprint text, $4 operation text
select count(*) from receiver.submissions
where source = $1 and api_url = $2 and key_fingerprint = $3 and operation = $4 and state in ('sent', 'unknown')
