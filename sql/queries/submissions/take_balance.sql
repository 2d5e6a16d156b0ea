-- Take the question for an account's balance, if nobody has asked for a while; return whether it is ours.
-- $1 source text, $2 api_url text, $3 account text, $4 between interval
insert into receiver.balances as b (source, api_url, account)
values ($1, $2, $3)
on conflict (source, api_url, account) do update set asked_at = now()
where b.asked_at <= now() - $4::interval
returning true
