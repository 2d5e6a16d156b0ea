-- Which account a webhook and a callback belong to: each account has secrets of its own.
--
-- A process of version 0.6 knows the default account only; its rows are that account's.
-- It also writes callbacks with `on conflict (api_url, idempotency_key)`, so that constraint stays until version 0.9.

alter table receiver.registrations
    add column source text not null default 'transcribe.so',
    add column account text not null default 'default';

alter table receiver.callbacks
    add column source text not null default 'transcribe.so',
    add column account text not null default 'default';

-- In this transaction, although callbacks become many: deliveries only read them, and only for secrets that are new.
create index callbacks_newest on receiver.callbacks (source, api_url, account, intended_at);
