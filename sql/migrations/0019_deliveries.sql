-- Each delivery of an event after the first, and each that came by way of the spool; at most twenty of an event.
-- Deliveries beyond that are only counted, in the event's own row, which also is the row of the first delivery.

alter table receiver.events
    -- How far the time of its signature was from ours when it came, in seconds; null if that is not known.
    add column seconds_off double precision;

create table receiver.deliveries (
    event bigint not null references receiver.events (id) on delete cascade,
    -- The first delivery of the event is number 1.
    number integer not null,
    -- When it came: by the database's clock, or by that of the machine that spooled it.
    at timestamptz not null,
    secret_fingerprint text not null,
    seconds_off double precision,
    how text not null,
    primary key (event, number),
    constraint deliveries_how_check check (how in ('spooled', 'repeat'))
);
