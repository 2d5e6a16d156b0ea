"""Limit what clients can use: time to send, time to read, and connections. `serve` passes the limits on."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits, as one value. Times are in seconds.

    Attributes:
        receive: the time for a whole request, from its first byte or from the start of its connection.
        unread: the longest time for which a client can leave its answers unread.
        connections: the most open connections. The source has a handful, a proxy before us some hundreds. A thousand
            half-sent deliveries need 380 MB, or 650 MB if they end wrong and more follows. A thousand requests wait
            half a second for their turn.
        turns: how many connections are parsed in each round of the loop, which lasts a few milliseconds.
        between_lines: the pause between two log lines about connections that were closed for new ones.
        shared: whether other processes accept connections from the same socket.
    """

    receive: float = 10.0
    unread: float = 10.0
    connections: int = 1000
    turns: int = 8
    between_lines: float = 10.0
    shared: bool = False


SERVICE = Bounds()
