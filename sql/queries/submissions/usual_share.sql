-- Return the usual time of an operation as a share of the recording's length: the median of the last twenty of its pipeline, or of all if that has fewer than five.
-- $1 source text, $2 api_url text, $3 account text, $4 operation text, $5 pipeline text
with of_pipeline as (
    select extract(epoch from ended_at - accepted_at)::double precision / duration_seconds as share
    from receiver.submissions
    where source = $1 and api_url = $2 and account = $3 and operation = $4
        and coalesce(wishes ->> 'pipeline_code', '') = $5
        and accepted_at is not null and ended_at is not null and duration_seconds > 0 and state <> 'failed'
    order by ended_at desc
    limit 20
), of_operation as (
    select extract(epoch from ended_at - accepted_at)::double precision / duration_seconds as share
    from receiver.submissions
    where source = $1 and api_url = $2 and account = $3 and operation = $4
        and accepted_at is not null and ended_at is not null and duration_seconds > 0 and state <> 'failed'
    order by ended_at desc
    limit 20
), learned as (
    select count(*) as number, percentile_cont(0.5) within group (order by share) as share from of_pipeline
)
select case
    when learned.number >= 5 then learned.share
    else (select percentile_cont(0.5) within group (order by share) from of_operation)
end
from learned
