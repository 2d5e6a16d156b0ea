"""Handlers: their API, how they are found, and how they are called.

discovery ──▶ api.Handler ◀── `@handler`      made: notes where each handler was made, so that no handler is missed
                 │
                 └── called with api.Context   threads: runs a plain `def`; returned: judges the result
replay        runs an event's jobs again
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
