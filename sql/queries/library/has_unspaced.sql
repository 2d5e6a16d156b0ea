-- Return whether there are transcripts whose words have no spaces between them.
select (select true from receiver.library where config is null order by at desc limit 1) is not null
