"""Check that the database has room for the connections that the web processes and workers can open."""

import logging

from receiver.cli import serve, work
from receiver.database import Connection, query
from receiver.errors import ConfigError
from receiver.settings import Settings

log = logging.getLogger(__name__)

OURS = 2  # `up` itself
OF_METRICS = 2  # one each, of two processes during a restart


def needed(configured: Settings) -> int:
    """Return how many connections all processes can open, with one more process of each kind during a restart."""
    web, worker = serve.most_connections(configured), work.most_connections(configured)
    return OURS + OF_METRICS + (configured.web + 1) * web + (configured.workers + 1) * worker


async def check(connection: Connection, configured: Settings) -> None:
    """Compare what our processes can open with what the server accepts.

    A server that is not ours can be changed by its owner, so then the log only warns. It does not even warn of one
    process of each kind, because they seldom open all that they can.

    Raises:
        ConfigError: the embedded server has too little room.
    """
    if configured.dsn is not None and configured.web == configured.workers == 1:
        return
    room: int = await connection.fetchval(query("database/room"))
    most = needed(configured)
    if most <= room:
        return
    said = (
        f"during a restart our processes can open {most} connections to the database, which has room for {room}: "
        f"lower --web ({configured.web}), --workers ({configured.workers}), RECEIVER_LANES ({configured.lanes}) or "
        f"RECEIVER_CALLS ({configured.calls})"
    )
    if configured.dsn is None:
        raise ConfigError(f"{said}, or set DATABASE_URL to a larger one")
    log.warning("%s, or raise its max_connections", said)
