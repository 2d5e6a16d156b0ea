-- What the bundled handlers store. Times are seconds from the start of the recording.

create table receiver.transcripts (
    source text not null,
    transcription_id text not null,
    completed_at text not null,
    title text,
    language text,
    duration_seconds double precision,
    stored_at timestamptz not null default now(),
    primary key (source, transcription_id)
);

create table receiver.segments (
    source text not null,
    transcription_id text not null,
    position bigint not null,
    start_seconds double precision not null,
    end_seconds double precision not null,
    speaker text,
    text text not null,
    primary key (source, transcription_id, position),
    foreign key (source, transcription_id) references receiver.transcripts on delete cascade
);

create table receiver.chapters (
    source text not null,
    transcription_id text not null,
    position bigint not null,
    start_seconds double precision not null,
    end_seconds double precision,
    title text not null,
    summary text,
    primary key (source, transcription_id, position),
    foreign key (source, transcription_id) references receiver.transcripts on delete cascade
);

create table receiver.sections (
    source text not null,
    transcription_id text not null,
    position bigint not null,
    start_seconds double precision not null,
    title text not null,
    summary text,
    primary key (source, transcription_id, position),
    foreign key (source, transcription_id) references receiver.transcripts on delete cascade
);

create table receiver.qna (
    source text not null,
    transcription_id text not null,
    position bigint not null,
    question text not null,
    answer text not null,
    primary key (source, transcription_id, position),
    foreign key (source, transcription_id) references receiver.transcripts on delete cascade
);

create table receiver.timestamps (
    source text not null,
    transcription_id text not null,
    format text not null,
    completed_at text not null,
    style text not null,
    text text not null,
    warnings text[] not null,
    ok_to_paste boolean not null,
    stored_at timestamptz not null default now(),
    primary key (source, transcription_id, format)
);

create table receiver.failures (
    source text not null,
    transcription_id text not null,
    event_id text not null,
    reason text not null,
    failed_at timestamptz not null default now(),
    primary key (source, event_id)
);
