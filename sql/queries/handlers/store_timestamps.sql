-- Store the timestamps of one format, unless the timestamps of a later end of the transcription are stored.
-- $1 source text, $2 api_url text, $3 transcription_id text, $4 format text, $5 completed_at text, $6 style text, $7 text text, $8 warnings text[], $9 ok_to_paste boolean
insert into receiver.timestamps as t
    (source, api_url, transcription_id, format, completed_at, style, text, warnings, ok_to_paste)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (source, api_url, transcription_id, format) do update
    set completed_at = excluded.completed_at, style = excluded.style, text = excluded.text,
        warnings = excluded.warnings, ok_to_paste = excluded.ok_to_paste, stored_at = now()
    where t.completed_at <= excluded.completed_at
