"""Check that the database has room for the connections that several web processes and workers can open."""

import logging

from receiver.database import Connection, query
from receiver.errors import ConfigError
from receiver.settings import Settings

log = logging.getLogger(__name__)

OURS = 2  # `up` itself
OF_A_WEB_PROCESS = 7  # 4 for deliveries, 2 for submissions, 1 to listen
OF_A_REGISTRATION = 3  # for each account, in each web process that starts
OF_A_WORKER = 6  # 4 to claim and settle, 1 for leases, 1 to listen
OF_AN_ACCOUNT = 2  # for each account, in each worker


def pool_of(configured: Settings) -> int:
    """Return the size of a worker's pool: each lane can hold two connections, and the rest is for the worker."""
    return 2 * (configured.lanes + configured.calls) + 4


def needed(configured: Settings) -> int:
    """Return how many connections all processes can open, with one more process of each kind during a restart."""
    web = OF_A_WEB_PROCESS + OF_A_REGISTRATION * len(configured.in_use)
    worker = pool_of(configured) + OF_A_WORKER + OF_AN_ACCOUNT * len(configured.accounts)
    return OURS + (configured.web + 1) * web + (configured.workers + 1) * worker


async def check(connection: Connection, configured: Settings) -> None:
    """Compare what several processes can open with what the server accepts.

    A single web process with a single worker is not checked: they seldom open all that they can. A server that is not
    ours can be changed by its owner, so then the log only warns.

    Raises:
        ConfigError: the embedded server has too little room.
    """
    if configured.web == configured.workers == 1:
        return
    room: int = await connection.fetchval(query("database/room"))
    most = needed(configured)
    if most <= room:
        return
    lower = "lower RECEIVER_WEB, RECEIVER_WORKERS, RECEIVER_LANES or RECEIVER_CALLS"
    said = (
        f"{configured.web} web processes and {configured.workers} workers can open {most} connections to the "
        f"database, which has room for {room}: {lower}"
    )
    if configured.dsn is None:
        raise ConfigError(f"{said}, or set DATABASE_URL to a larger one")
    log.warning("%s, or raise its max_connections", said)
