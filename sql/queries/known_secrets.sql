-- Every secret of an API that is not retired, newest first.
-- $1 api_url text
select secret from receiver.registrations
where api_url = $1 and registered_at is not null and retired_at is null
order by id desc
