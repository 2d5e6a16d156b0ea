-- Store the timestamps of one format; the newest replace those before.
-- $1 source text, $2 transcription_id text, $3 format text, $4 style text, $5 text text, $6 warnings text[], $7 ok_to_paste boolean
insert into receiver.timestamps as t (source, transcription_id, format, style, text, warnings, ok_to_paste)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (source, transcription_id, format) do update
    set style = excluded.style, text = excluded.text, warnings = excluded.warnings,
        ok_to_paste = excluded.ok_to_paste, stored_at = now()
