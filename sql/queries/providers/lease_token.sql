-- Take the right to ask for a client's next token, unless another process has it, or has got a token; return true then.
-- $1 api_url text, $2 client text, $3 refused text, $4 share double precision, $5 lease interval
insert into receiver.tokens as t (api_url, client, leased_until)
values ($1, $2, now() + $5::interval)
on conflict (api_url, client) do update set leased_until = excluded.leased_until
where
    t.leased_until < now()
    and (
        t.token is null or t.token = $3
        or now() >= t.issued_at + (t.expires_at - t.issued_at) * $4::double precision
    )
returning true
