-- Return which of some works of an account are those of submissions.
-- $1 source text, $2 api_url text, $3 account text, $4 remote_ids text[], $5 but_of text
select remote_id from receiver.submissions
where source = $1 and api_url = $2 and account = $3 and remote_id = any ($4) and id <> $5
