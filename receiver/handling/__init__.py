"""Handlers: their API, how they are found, and how they are called.

discovery ──▶ api.Handler ◀── `@handler`      made: notes where each handler was made, so that no handler is missed
                 │
                 └── called with a Context     threads: runs a plain `def`; returned: judges the result
context       what a handler gets: the transcript, the clients, the database, the end of its job
handed        what a context gave that is never awaited
fetched       files of a bucket on this machine's disk, for one try
replay        runs an event's jobs again
announcement  an event as one JSON document for other programs
failed        why work has failed, as far as its event says
ending        the targets of the ready-made handler `forward` that want no more events
choice        the dead jobs of a bulk replay, and what it will cost
"""

from receiver.handling.api import Handler, handler, matches
from receiver.handling.context import Completing, Completion, Context

__all__ = [
    "Completing",
    "Completion",
    "Context",
    "Handler",
    "handler",
    "matches",
]
