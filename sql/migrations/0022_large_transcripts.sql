-- no transaction
-- A transcript of five hours has twenty thousand segments, and its answer has three megabytes.
--
-- Each statement commits by itself, so that nobody who reads the answers waits for who writes the segments.
--
-- To compress an answer took four times as long as to write it.
alter table receiver.archive alter column answer set storage external;

-- The foreign key of the segments looked up their transcript for each of them, which took longer than to write them.
-- Their handler writes the transcript's row before them, in the same transaction, and so nobody can delete it meanwhile.
-- What the key did when a transcript is deleted, a trigger does. Like a key it does it as the tables' owner.
create or replace function receiver.delete_segments() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if tg_op = 'TRUNCATE' then
        truncate receiver.segments;
    else
        delete from receiver.segments s using gone
        where (s.source, s.api_url, s.transcription_id) = (gone.source, gone.api_url, gone.transcription_id);
    end if;
    return null;
end
$$;

revoke execute on function receiver.delete_segments() from public;

-- In the order in which the handler locks them.
lock table receiver.transcripts, receiver.segments in access exclusive mode;
create or replace trigger delete_segments after delete on receiver.transcripts
    referencing old table as gone for each statement execute function receiver.delete_segments();
create or replace trigger truncate_segments after truncate on receiver.transcripts
    for each statement execute function receiver.delete_segments();
alter table receiver.segments drop constraint if exists segments_source_api_url_transcription_id_fkey;
