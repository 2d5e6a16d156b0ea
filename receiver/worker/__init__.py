"""Run handlers, each job in a lane of its own.

lanes.Worker ──claims──▶ a lane for each job ──▶ attempt.run: the handler, under its timeout
    │                                                └──▶ retry.decide ──▶ jobs.finish, fenced by attempt
    └── renews the leases of what it holds
"""

from receiver.worker.lanes import Worker

__all__ = ["Worker"]
