-- Return what is left of each account's money, as its provider said last.
select source, api_url, account, balance, unit, seen_at, trouble
from receiver.balances
order by source, api_url, account
