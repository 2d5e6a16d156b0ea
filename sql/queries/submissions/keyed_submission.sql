-- Return the submission with a key of an account.
-- $1 source text, $2 api_url text, $3 account text, $4 caller_key text
select * from receiver.submissions
where source = $1 and api_url = $2 and account = $3 and caller_key = $4
