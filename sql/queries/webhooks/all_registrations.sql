-- Return the newest registrations of all accounts with their secrets, also the retired ones; times in unix seconds.
-- $1 limit bigint
select
    source, api_url, account, key_fingerprint, secret, extract(epoch from registered_at)::float8 as registered_at,
    extract(epoch from retired_at)::float8 as retired_at
from receiver.registrations
where registered_at is not null
order by id desc
limit $1
