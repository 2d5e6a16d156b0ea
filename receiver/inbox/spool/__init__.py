"""A local durable store of deliveries for while the database cannot take them.

spool.Spool ──▶ segments.Segment   a file whose room was taken in advance, one fsync for all that waits
     │
     └──▶ drain.Drain              oldest first; who stores them says of each what became of it (`Fate`)
before.scan                        what version 0.4 wrote, read
folder.Folder                      where segments lie: a folder that is ours alone
condition.Condition                how it is, for whoever shows it, and what lies in its folder

A record has its length and its checksum; each process writes a segment of its own, under a lock that the kernel
releases. A second database (SQLite) would bring a second format, and its own locks and recovery, for records that are
written once and read once in order.
"""

from receiver.inbox.spool.condition import Condition
from receiver.inbox.spool.drain import Fate
from receiver.inbox.spool.segments import scan
from receiver.inbox.spool.spool import Spool

__all__ = ["Condition", "Fate", "Spool", "scan"]
