-- Note that the provider has deleted an account's webhook.
-- $1 source text, $2 api_url text, $3 account text, $4 key_fingerprint text
update receiver.registrations set gone_at = now()
where source = $1 and api_url = $2 and account = $3 and key_fingerprint = $4
    and registered_at is not null and gone_at is null and retired_at is null
