"""Run handlers, each job in its own lane.

lanes.Worker ──claims──▶ a lane for each job ──▶ attempt.run: the handler, under its timeout
                                                     └──▶ inbox.retry.decide ──▶ settling: fenced by the attempt
crew        the workers of one process: for handlers, and for calls that are paid for
queues      what is claimed from, in which order, and which queues rest
marks       where a claim begins in each queue
claims      claims jobs; a job that cannot be claimed does not stop the others
lane        one job that the worker holds, and its stage
settling    writes the outcomes of what has ended, together; meanwhile their lanes run the next jobs
leases      a thread that renews the worker's leases, and notices when the worker's loop is stuck
lapsed      jobs whose lease ran out, because their worker died or hung: a separate process (`receiver work --lapsed`)
            runs each of them alone
notices     writes events about dead jobs and costs, for handlers that want them

A handler can also end its job itself: `ctx.completing()` finishes it in the handler's own transaction.

Handlers run here and never in the web process, because a handler that blocks must not delay an answer to a delivery.
"""

from receiver.worker.attempt import note_lent
from receiver.worker.crew import Crew
from receiver.worker.lanes import Deadlines, Worker
from receiver.worker.lapsed import Lapsed
from receiver.worker.leases import Leases
from receiver.worker.notices import Notices

__all__ = ["Crew", "Deadlines", "Lapsed", "Leases", "Notices", "Worker", "note_lent"]
