-- Whose a name of files is in the folder or bucket of RECEIVER_FILES.

create table receiver.file_names (
    -- The absolute path of the folder, or s3://bucket/prefix.
    place text not null,
    -- What all names have in common that a system could take for the same one.
    folded text not null,
    -- A path in the place, without an ending.
    name text not null,
    source text not null,
    api_url text not null,
    -- Of a transcription, or of a submission that brought no text.
    transcription_id text not null,
    -- The template that the name was made of. With another one a transcription gets another name.
    template text not null,
    -- Which end of the transcription the files are from, as the provider says it.
    completed_at text not null default '',
    taken_at timestamptz not null default now(),
    primary key (place, folded)
);

create unique index file_names_owner
    on receiver.file_names (source, api_url, transcription_id, place, template);
