-- Note that the provider has deleted an account's webhook.
-- $1 api_url text, $2 key_fingerprint text
update receiver.registrations set gone_at = now()
where api_url = $1 and key_fingerprint = $2 and registered_at is not null and gone_at is null and retired_at is null
