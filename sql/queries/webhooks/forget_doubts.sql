-- Remove doubts of which nothing came in the last 30 days, at most a thousand.
delete from receiver.doubts
where id = any (array(
    select id from receiver.doubts where last_seen_at < now() - interval '30 days' order by last_seen_at limit 1000
))
