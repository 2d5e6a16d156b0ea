-- Keep the token that was issued to a client just now, and end the lease.
-- $1 api_url text, $2 client text, $3 token text, $4 life interval
insert into receiver.tokens (api_url, client, token, issued_at, expires_at)
values ($1, $2, $3, now(), now() + $4::interval)
on conflict (api_url, client) do update set
    token = excluded.token, issued_at = excluded.issued_at, expires_at = excluded.expires_at, leased_until = '-infinity'
