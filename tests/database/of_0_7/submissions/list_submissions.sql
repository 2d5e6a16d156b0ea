-- List submissions, newest first: those in some states, or all.
-- $1 states text[], $2 limit bigint
select * from receiver.submissions
where $1::text[] is null or state = any ($1)
order by created_at desc, id desc
limit $2
