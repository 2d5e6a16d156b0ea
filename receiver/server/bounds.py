"""How much strangers are given: time to send and to read, and places. One value, which `serve` hands on."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """Times are in seconds.

    Attributes:
        receive: until a request must be complete, from its first byte or its connection on.
        unread: for how long a client may not read its answers.
        connections: how many there may be. The source has a handful, a proxy before us some hundreds. As many half-sent
            deliveries are 430 MB, and as many requests wait half a second for their turn.
        turns: how many are let in at each round of the loop; it lasts a few milliseconds.
        between_lines: between two log lines that say who was closed to make room.
    """

    receive: float = 10.0
    unread: float = 10.0
    connections: int = 1000
    turns: int = 8
    between_lines: float = 10.0


SERVICE = Bounds()
