-- Store the timestamps of one format, unless those of a later end of the transcription are stored already.
-- $1 source text, $2 transcription_id text, $3 format text, $4 completed_at text, $5 style text, $6 text text, $7 warnings text[], $8 ok_to_paste boolean
insert into receiver.timestamps as t
    (source, transcription_id, format, completed_at, style, text, warnings, ok_to_paste)
values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict (source, transcription_id, format) do update
    set completed_at = excluded.completed_at, style = excluded.style, text = excluded.text,
        warnings = excluded.warnings, ok_to_paste = excluded.ok_to_paste, stored_at = now()
    where t.completed_at <= excluded.completed_at
