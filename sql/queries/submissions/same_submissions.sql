-- Return the submissions of an account that ask for the same and were given no key by their caller, newest first.
-- $1 source text, $2 api_url text, $3 account text, $4 asked text
select * from receiver.submissions
where source = $1 and api_url = $2 and account = $3 and asked = $4 and caller_key like asked || '-%'
order by created_at desc, id desc
