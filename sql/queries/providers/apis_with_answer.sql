-- Return the APIs that have a kept answer about a transcription id. The kind is a pattern.
-- $1 source text, $2 transcription_id text, $3 kind text
with recursive api as (
    -- The APIs of the archive, each by one look into its key.
    select min(api_url) as url from receiver.archive where source = $1
    union all
    select (select min(a.api_url) from receiver.archive a where a.source = $1 and a.api_url > api.url)
    from api
    where api.url is not null
)
select api.url as api_url
from api
cross join lateral (
    select
    from receiver.archive a
    where a.source = $1 and a.api_url = api.url and a.transcription_id = $2 and a.kind like $3
    limit 1
) as answer
order by api.url
