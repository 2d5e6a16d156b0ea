"""PostgreSQL: its address, our connections to it, and the meaning of its errors.

dsn, hosts, libpq, parameters    the server's address: from a URL, the environment, a service file
  ▶ reaching                     each address in turn, with its share of the time
  ▶ certificates                 which file or variable of TLS is wrong
    ▶ session                    one connection, with the settings that we rely on
      ▶ connections              pools, connections with a deadline, locks, listening
        ▶ apart                  the same work on many items; a failing item does not stop the others
batches                          the same work for many items in few statements
opening                          the configured database: `DATABASE_URL`, or the embedded one
outages                          the meaning of an error: the connection, the server, or one statement
hint                             a wake-up for new work; a hint can get lost, like a NOTIFY
migrations                       the schema, forward only
embedded/, data_folder, private  the bundled server, its folder, and private files
"""

from receiver.database.connections import (
    Connections,
    Database,
    Lent,
    Pool,
    acquired,
    listen,
    pool,
    session_lock,
)
from receiver.database.dsn import (
    where,
)
from receiver.database.outages import (
    AWAY,
    TROUBLE,
)
from receiver.database.session import (
    Connection,
    connect,
    database_id,
    query,
)

__all__ = [
    "AWAY",
    "TROUBLE",
    "Connection",
    "Connections",
    "Database",
    "Lent",
    "Pool",
    "acquired",
    "connect",
    "database_id",
    "listen",
    "pool",
    "query",
    "session_lock",
    "where",
]
