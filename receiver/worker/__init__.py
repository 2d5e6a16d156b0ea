"""Run handlers, each job in a lane of its own.

lanes.Worker ──claims──▶ a lane for each job ──▶ attempt.run: the handler, under its timeout
    ▲                                                └──▶ retry.decide ──▶ settling: jobs.finish, fenced by attempt
leases.Leases: a thread that renews the worker's leases, and notices when the worker's loop is stuck
lapsed.Lapsed: starts a process for jobs whose lease ran out; that process runs each of them alone
claims.Claims: claims jobs; a job that cannot be claimed does not stop the others

Handlers run here and never in the web process, because a handler that blocks must not delay an answer to a delivery.
"""

from receiver.worker.attempt import note_lent
from receiver.worker.lanes import Deadlines, Worker
from receiver.worker.lapsed import Lapsed
from receiver.worker.leases import Leases

__all__ = ["Deadlines", "Lapsed", "Leases", "Worker", "note_lent"]
