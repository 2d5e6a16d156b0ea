"""The sockets that `up` binds, for deliveries and for scrapes."""

import logging
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from receiver.errors import ConfigError
from receiver.health.metrics import page
from receiver.server import bind
from receiver.settings import Settings
from receiver.settings.addresses import OFF

log = logging.getLogger(__name__)

PORTS = 20  # that are tried for scrapes if the usual one is taken


class Listeners(NamedTuple):
    """The sockets; `metrics` is None if nobody can scrape."""

    web: socket.socket
    metrics: socket.socket | None


@contextmanager
def listening(configured: Settings) -> Iterator[Listeners]:
    """Bind the sockets, and close them at the end.

    Raises:
        ConfigError: a configured address cannot be listened on.
    """
    with ExitStack() as stack:
        web = stack.enter_context(bind(configured.host, configured.port))
        metrics = None
        if configured.metrics is None:
            metrics = _usual()
        elif configured.metrics != OFF:
            metrics = page.listen(configured.metrics)
        yield Listeners(web, None if metrics is None else stack.enter_context(metrics))


def _usual() -> socket.socket | None:
    """Return a socket at the usual place, or at the next free port: nobody has asked for it, so it stops nothing."""
    host, _, port = page.USUAL.rpartition(":")
    for number in range(int(port), int(port) + PORTS):
        try:
            found = page.listen(f"{host}:{number}")
        except ConfigError as exc:
            log.debug("%s", exc)
            continue
        if number != int(port):
            log.warning("port %s is taken: metrics are at port %d; RECEIVER_METRICS names another place", port, number)
        return found
    log.warning(
        "there are no metrics: the ports %s to %d are taken; RECEIVER_METRICS names another place", port, number
    )
    return None
