-- Count the transcripts that are not in the library yet, at most as far as is asked for.
-- $1 most bigint
select count(*) from (select from receiver.unindexed order by fetched_at desc limit $1) as waiting
