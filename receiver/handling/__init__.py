"""The handlers' side: what they are written with, where they are found, how they are called.

discovery ──▶ api.Handler ◀── `@handler`      made: where each was made, so that none is missing without a word
                 │
                 └── called with api.Context   threads: a plain `def`; returned: what it returned
replay        an event's jobs run again
"""

from receiver.handling.api import (
    Completing,
    Completion,
    Context,
    Handler,
    handler,
    matches,
)

__all__ = [
    "Completing",
    "Completion",
    "Context",
    "Handler",
    "handler",
    "matches",
]
