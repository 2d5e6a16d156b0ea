-- Take the newest answer that is not in the library yet off its list, and return its key.
delete from receiver.unindexed
where ctid = any (array(
    select ctid from receiver.unindexed order by fetched_at desc limit 1 for update skip locked
))
returning source, api_url, transcription_id, completed_at
