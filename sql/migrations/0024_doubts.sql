-- Authentic deliveries that were refused for their time, and whose event is not stored: each is looked up soon after.
--
-- What makes rows is bounded by the hour, and old rows are removed, so the table stays small.
create table receiver.doubts (
    id bigint generated always as identity primary key,
    source text not null,
    api_url text not null,
    account text not null,
    transcription_id text not null,
    type text not null,
    -- The id of the event for which a look-up was ordered last.
    event_id text not null,
    -- How far behind our time the time of the newest one's signature was, in seconds.
    seconds_off double precision not null,
    -- How many such deliveries came.
    times bigint not null,
    first_seen_at timestamptz not null default now(),
    last_seen_at timestamptz not null default now(),
    -- When a look-up was ordered last. It waits until `looked_up_at` is later.
    asked_at timestamptz not null default now(),
    -- Until when somebody who looks it up has it for himself.
    taken_until timestamptz,
    looked_up_at timestamptz,
    outcome text,
    unique (source, api_url, account, transcription_id, type)
);

create index doubts_waiting on receiver.doubts (source, api_url, account, asked_at)
where looked_up_at is null or looked_up_at < asked_at;

create index doubts_asked on receiver.doubts (source, api_url, account, asked_at);

create index doubts_seen on receiver.doubts (last_seen_at);
