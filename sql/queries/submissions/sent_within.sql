-- Return whether a submission was sent within a time, by the database's clock.
-- $1 id text, $2 within interval
select now() - sent_at < $2 from receiver.submissions where id = $1
