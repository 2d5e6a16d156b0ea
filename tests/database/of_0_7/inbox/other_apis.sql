-- List the APIs, other than one, whose events are stored.
-- $1 api_url text
select distinct api_url from receiver.events where api_url <> $1 order by api_url
