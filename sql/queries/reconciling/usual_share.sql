-- Return the usual time of an account's transcriptions by one pipeline as a share of their length: the median of the last twenty, if there are five.
-- $1 source text, $2 api_url text, $3 account text, $4 pipeline_code text
select case when count(*) >= 5 then percentile_cont(0.5) within group (order by share) end
from (
    select extract(epoch from ended_at - created_at)::double precision / duration_seconds as share
    from receiver.transcriptions
    where (source, api_url, account) = ($1, $2, $3) and pipeline_code = $4 and restarted_at is null
        and status = 'completed'
        and ended_at is not null and created_at is not null and duration_seconds > 0 and duration_seconds >= 0.1
    order by ended_at desc
    limit 20
) last_ones
