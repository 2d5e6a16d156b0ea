"""Withhold announcements: a user orders it to see what finds an end that nobody announced.

kind    effect
drop    the announcement is never sent
hold    it is sent when it is released

Of the announcements to come, every `every`-th is withheld (default 1: each), until `times` were (default 1). A new
order replaces the one before. The webhook and the callback both get an announcement, or neither does. A `webhook.test`
is none.

GET    /sandbox/announcements           {"ordered": {"kind", "every", "times"} or null, "dropped": 100, "held": 0}
POST   /sandbox/announcements           give an order: {"kind": "drop", "every": 5, "times": 100}
DELETE /sandbox/announcements           withhold no more; what is held stays held
POST   /sandbox/announcements/release   {"count": 30}: send so many, the oldest first; without a count, all
"""

from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from receiver.sandbox.refusals import RefusalError

KINDS = ("drop", "hold")
MOST = 1_000_000


@dataclass(slots=True)
class Order:
    """Withhold every `every`-th announcement, `times` times."""

    kind: str
    every: int = 1
    times: int = 1


class Feed:
    """What announces ends, unless it is ordered to withhold them."""

    def __init__(self) -> None:
        self._ordered: Order | None = None
        self._passed = 0
        self._dropped = 0
        self._held = deque[Callable[[], None]]()

    def plan(self, body: object) -> dict[str, Any]:
        """Take an order, and return it with its default values.

        Raises:
            RefusalError: 400: a field is wrong; the message says which.
        """
        self._ordered, self._passed = _read(body), 0
        return asdict(self._ordered)

    def clear(self) -> None:
        """Withhold no more."""
        self._ordered = None

    def to_json(self) -> dict[str, Any]:
        """Return what is ordered, was dropped and is held."""
        ordered = None if self._ordered is None else asdict(self._ordered)
        return {"ordered": ordered, "dropped": self._dropped, "held": len(self._held)}

    def announce(self, send: Callable[[], None]) -> None:
        """Announce an end, with `send`, unless it is withheld."""
        match self._withheld():
            case "drop":
                self._dropped += 1
            case "hold":
                self._held.append(send)
            case _:
                send()

    def release(self, body: object) -> dict[str, Any]:
        """Send as many of the held announcements as the body says.

        Raises:
            RefusalError: 400: the body is wrong; the message says how.
        """
        if not isinstance(body, dict) or not {*body} <= {"count"} or not _is_count(body.get("count", 1), least=0):
            raise RefusalError(400, "invalid_request", f'A release is {{"count": 0 to {MOST}}}, or {{}} for all.')
        number = min(body.get("count", MOST), len(self._held))
        for _ in range(number):
            self._held.popleft()()
        return {"released": number}

    def _withheld(self) -> str | None:
        """Count an announcement. Return the kind of order that withholds it; None if it is to be sent."""
        order = self._ordered
        if order is None:
            return None
        self._passed += 1
        if self._passed % order.every:
            return None
        order.times -= 1
        if not order.times:
            self._ordered = None
        return order.kind


def _read(body: object) -> Order:
    if not isinstance(body, dict):
        raise RefusalError(400, "invalid_request", "An order is a JSON object.")
    kind, every, times = str(body.get("kind")), body.get("every", 1), body.get("times", 1)
    problems = {
        f"knows no {', '.join(sorted({*body} - {*Order.__slots__}))}": not {*body} <= {*Order.__slots__},
        f"kind must be one of {', '.join(KINDS)}": kind not in KINDS,
        f"every must be a whole number from 1 to {MOST}": not _is_count(every),
        f"times must be a whole number from 1 to {MOST}": not _is_count(times),
    }
    if found := [problem for problem, is_there in problems.items() if is_there]:
        raise RefusalError(400, "invalid_request", f"Of an order, {'; '.join(found)}.")
    return Order(kind, every, times)


def _is_count(value: object, *, least: int = 1) -> bool:
    return type(value) is int and least <= value <= MOST
