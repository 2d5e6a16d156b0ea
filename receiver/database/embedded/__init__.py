"""A real PostgreSQL with nothing to install: started by whoever comes first, stopped when its last user ends.

    user ──shared flock──▶ users.lock ◀──waits for the exclusive flock── keeper ──child──▶ postgres
      └──reads── socket ◀──writes where the socket is──────────────────────┘ holds keeper.lock

Every process that uses the data folder holds a shared lock on `users.lock` for as long as it lives; the kernel
releases it however the process ends. One detached *keeper* per folder runs the server as its child, starts it again
when it dies, and blocks on the exclusive lock: once that is granted nobody is left, and the server is stopped.
`keeper.lock` makes sure that there is never more than one keeper, which also makes first starts safe together.

As root the folder belongs to an unprivileged user, whom nothing that we do as root may obey: what we open there is
opened through no link, and the keeper becomes that user as soon as it has its locks.
"""

from receiver.database.data_folder import describe, locate, prepare
from receiver.database.embedded.server import attach, wait_until_stopped

__all__ = ["attach", "describe", "locate", "prepare", "wait_until_stopped"]
