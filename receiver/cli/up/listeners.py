"""The sockets that `up` binds, for deliveries, for scrapes and for the console."""

import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from receiver import console
from receiver.errors import ConfigError
from receiver.health.metrics import page
from receiver.server import bind
from receiver.settings import Settings
from receiver.settings.addresses import OFF

log = logging.getLogger(__name__)

PORTS = 20  # that are tried if the usual one is taken


class Listeners(NamedTuple):
    """The sockets; None for what is not to be had, or is switched off."""

    web: socket.socket
    metrics: socket.socket | None
    console: socket.socket | None


_Maybe = socket.socket | None


@contextmanager
def listening(configured: Settings) -> Iterator[Listeners]:
    """Bind the sockets, and close them at the end.

    Raises:
        ConfigError: a configured address cannot be listened on.
    """
    with ExitStack() as stack:

        def bound(configured: str | None, usual: str, listen: Callable[[str], socket.socket], what: str) -> _Maybe:
            if configured == OFF:
                return None
            found = _usual(usual, listen, what) if configured is None else listen(configured)
            return None if found is None else stack.enter_context(found)

        if configured.console != OFF:
            console.require_closed(configured, configured.console or console.USUAL)
        yield Listeners(
            stack.enter_context(bind(configured.host, configured.port)),
            bound(configured.metrics, page.USUAL, page.listen, "metrics"),
            bound(configured.console, console.USUAL, console.listen, "console"),
        )


def _usual(place: str, listen: Callable[[str], socket.socket], what: str) -> _Maybe:
    """Return a socket at the usual place, or at the next free port: nobody has asked for it, so it stops nothing."""
    host, _, port = place.rpartition(":")
    variable = f"RECEIVER_{what.upper()}"
    for number in range(int(port), int(port) + PORTS):
        try:
            found = listen(f"{host}:{number}")
        except ConfigError as exc:
            log.debug("%s", exc)
            continue
        if number != int(port):
            log.warning("port %s is taken: %s at port %d; %s names another place", port, what, number, variable)
        return found
    log.warning("no %s: the ports %s to %d are taken; %s names another place", what, port, number, variable)
    return None
