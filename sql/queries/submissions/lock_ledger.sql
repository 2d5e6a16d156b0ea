-- Take the ledger, unless another process has it; return how far it has read the events, and how far it can read now.
-- $1 settled_after interval
--
-- Ids are given before a transaction commits. So the mark is read up to when no transaction from before it is left.
select
    last_event, mark_event,
    coalesce(
        marked_at <= now() - $1::interval and pg_snapshot_xmin(pg_current_snapshot()) >= mark_transaction, false
    ) as is_settled
from receiver.ledger
for update skip locked
