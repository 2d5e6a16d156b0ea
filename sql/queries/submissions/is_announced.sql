-- Return whether a key of an account has a webhook at its provider, which announces the ends of its works.
-- $1 source text, $2 api_url text, $3 account text, $4 key_fingerprint text
select exists (
    select from receiver.registrations
    where source = $1 and api_url = $2 and account = $3 and key_fingerprint = $4
        and registered_at is not null and gone_at is null and retired_at is null
)
