"""PostgreSQL: where it is, how we speak to it, and what an error of it means.

dsn, hosts, libpq, parameters    where to, from a URL, the environment, a service
  ▶ reaching, certificates       each address in turn, with its share of the time
    ▶ session                    one connection, with the settings that we rely on
      ▶ connections              pools, connections with a deadline, locks, listening
        ▶ apart                  what cannot be done with one of many costs no other
outages                          an error: of the connection, of the server, or of one statement
hint                             that there is something new; a NOTIFY may get lost
migrations                       the schema, forward only
embedded/, data_folder, private  the server that comes along, its folder, and files that are ours alone
"""

from receiver.database.connections import (
    Connections,
    Database,
    Lent,
    Pool,
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
    "connect",
    "listen",
    "pool",
    "query",
    "session_lock",
    "where",
]
