"""A bundled PostgreSQL: the first process that uses a data folder starts the server, and the last one stops it.

    user ──shared flock──▶ users.lock ◀──waits for the exclusive flock── keeper ──child──▶ postgres
      └──reads── socket ◀──writes the socket's folder──────────────────────┘ holds keeper.lock

A **user** is a process that uses the data folder. It holds a shared lock on `users.lock` while it lives; the kernel
releases the lock at its end. One detached **keeper** per folder runs the server as its child, and starts the server
again when it dies. The keeper waits for the exclusive lock on `users.lock`. When the keeper gets the lock, no user is
left, and the keeper stops the server. `keeper.lock` allows only one keeper, so simultaneous first starts are safe.

If we are root, the folder belongs to an unprivileged user. That user must not trick root: we never open files in the
folder through a link, and the keeper becomes that user as soon as it has its locks.

binaries      where PostgreSQL's programs are
sockets       the folder of the server's socket: short enough, and ours
"""

from receiver.database.data_folder import describe, locate, prepare
from receiver.database.embedded.server import attach, wait_until_stopped

__all__ = ["attach", "describe", "locate", "prepare", "wait_until_stopped"]
