-- The words of a segment with their times, from sources that time them: a list of objects with start_seconds,
-- end_seconds, text and speaker; null if there are none.
alter table receiver.segments add column words jsonb;
