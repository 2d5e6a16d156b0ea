-- Return the usual time of an operation as a share of the recording's length: the median of the last twenty.
-- $1 source text, $2 api_url text, $3 account text, $4 operation text
select percentile_cont(0.5) within group (order by share)
from (
    select extract(epoch from ended_at - accepted_at)::double precision / duration_seconds as share
    from receiver.submissions
    where source = $1 and api_url = $2 and account = $3 and operation = $4
        and accepted_at is not null and ended_at is not null and duration_seconds > 0
    order by ended_at desc
    limit 20
) last_ones
