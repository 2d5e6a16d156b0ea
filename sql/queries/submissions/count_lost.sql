-- Count the submissions of an account and an operation that were sent and have no answer.
-- $1 source text, $2 api_url text, $3 account text, $4 operation text
select count(*) from receiver.submissions
where source = $1 and api_url = $2 and account = $3 and operation = $4 and state in ('sent', 'unknown')
