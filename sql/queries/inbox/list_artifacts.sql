-- List the files of a submission, by name.
-- $1 submission text
select name, content_type, bytes, sha256, place from receiver.artifacts where submission = $1 order by name
