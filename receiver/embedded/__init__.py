"""A real PostgreSQL with nothing to install: started by whoever comes first, stopped when its last user ends.

    user ──shared flock──▶ users.lock ◀──waits for the exclusive flock── keeper ──child──▶ postgres
                                                                         holds keeper.lock

Every process that uses the data folder holds a shared lock on `users.lock` for as long as it lives; the kernel
releases it however the process ends. One detached *keeper* per folder runs the server as its child, starts it again
when it dies, and blocks on the exclusive lock: once that is granted nobody is left, and the server is stopped.
`keeper.lock` makes sure that there is never more than one keeper, which also makes first starts safe together.
"""

from receiver.embedded.folder import locate, prepare
from receiver.embedded.server import attach, wait_until_stopped

__all__ = ["attach", "locate", "prepare", "wait_until_stopped"]
