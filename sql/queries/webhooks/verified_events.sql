-- Return for some secrets of an account how many events each has verified, of its newest $5, and when the last was delivered.
-- $1 source text, $2 api_url text, $3 account text, $4 fingerprints text[], $5 limit bigint
select given.fingerprint, count(*) as events, max(e.last_delivered_at) as last_matched
from unnest($4::text[]) as given (fingerprint)
cross join lateral (
    select e.source, e.api_url, e.account, e.last_delivered_at
    from receiver.events e
    where e.secret_fingerprint = given.fingerprint
    order by e.last_delivered_at desc
    limit $5
) as e
where e.source = $1 and e.api_url = $2 and e.account = $3
group by given.fingerprint
