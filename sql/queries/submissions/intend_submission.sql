-- Write down that something will be submitted, unless the same was written down before.
-- $1 id text, $2 source text, $3 api_url text, $4 account text, $5 key_fingerprint text, $6 operation text, $7 wishes jsonb, $8 recording text, $9 url text, $10 title text, $11 duration_seconds double precision, $12 bytes bigint, $13 caller_key text, $14 asked text, $15 if_lost text, $16 permitted_tries integer, $17 unit text, $18 files jsonb, $19 max_charge double precision
insert into receiver.submissions (
    id, source, api_url, account, key_fingerprint, operation, wishes, recording, url, title, duration_seconds, bytes,
    caller_key, asked, if_lost, permitted_tries, unit, files, max_charge
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
on conflict (source, api_url, account, caller_key) do nothing
returning *
