"""Keep deliveries in local files while the database cannot store them.

spool.Spool ──▶ segments.SpoolSegment   a file with space reserved in advance; one fsync for all waiting records
     │
     └──▶ drain.Drain                   oldest first; a function stores the records, and returns their fates (`Fate`)
before.scan                             reads the segments of version 0.4
opening.open_spool                      the spool of the configured folder
folder.SpoolFolder                      the folder of the segments, which only our user can enter
condition.Condition                     the state of the spool, and the contents of its folder

A record has its length and its checksum. Each process writes its own segment, under a lock that the kernel releases. A
second database (SQLite) would bring a second format, and its own locks and recovery, for records that are written once
and read once in order.
"""

from receiver.inbox.spool.condition import Condition
from receiver.inbox.spool.drain import Fate
from receiver.inbox.spool.spool import Spool

__all__ = ["Condition", "Fate", "Spool"]
