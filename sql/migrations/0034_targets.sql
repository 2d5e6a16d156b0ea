-- The apps that want no more events: each has answered 410, and nothing is forwarded to it until a person resumes it.
create table receiver.targets_ended (
    target text primary key,
    ended_at timestamptz not null default now(),
    reason text not null
);
