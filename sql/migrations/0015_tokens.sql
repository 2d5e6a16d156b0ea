-- The tokens with which a source is asked: all processes of one client use the same one.

create table receiver.tokens (
    api_url text not null,
    -- The fingerprint of what the token is asked for with: a key, or a client's id and secret.
    client text not null,
    -- Null until the first one has been issued.
    token text,
    issued_at timestamptz,
    expires_at timestamptz,
    -- Until then one process asks for the next token, and the others wait for it.
    leased_until timestamptz not null default '-infinity',
    primary key (api_url, client),
    check ((token is null) = (issued_at is null) and (token is null) = (expires_at is null))
);
