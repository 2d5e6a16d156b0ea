-- Take what is to be told of dead jobs now, unless dead jobs of that handler and account were told a while ago.
-- $1 type text, $2 between interval
update receiver.notices n
set told_at = now(), untold = 0, since = null
from (
    select *
    from receiver.notices
    where type = $1 and untold > 0 and (told_at is null or told_at <= now() - $2::interval)
) as due
where (n.source, n.api_url, n.account, n.type, n.about) = (due.source, due.api_url, due.account, due.type, due.about)
returning due.source, due.api_url, due.account, due.about, due.untold, due.since, due.error, n.told_at
