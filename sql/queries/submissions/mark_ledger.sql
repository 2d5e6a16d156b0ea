-- Mark the newest event: the ledger reads up to it when all transactions of now have ended.
update receiver.ledger
set mark_event = (select coalesce(max(id), 0) from receiver.events),
    mark_transaction = pg_snapshot_xmax(pg_current_snapshot()), marked_at = now()
