"""Count as the provider does: five deliveries refused in a row, whichever they are, and it switches the webhook off.

Only authentic deliveries count, because anyone can send others. A delivery whose MAC is right and whose time is not is
authentic: a clock is off, or somebody plays it again, and so each counts once. What matches no secret is a hint beside
the count: if nothing else comes, ours may be the wrong one. So is what is refused for anything else, such as a header
that a proxy has added.

Which of the two a delivery was is hidden from its sender, who would learn whether a secret is still in use. So the
counts are for the log, and for who knows a secret; readiness tells strangers no more than whether there is an alarm.
"""

import logging
from collections.abc import Sequence

from receiver.errors import RequestError, SignatureError, StoreUnavailableError
from receiver.health import Finding
from receiver.logs.seldom import Heard, Seldom

log = logging.getLogger(__name__)

UNTIL_OFF = 5
WARN_FROM = 3
BETWEEN_SECONDS = 10.0
REMEMBERED = 1000  # stale deliveries


class Failures:
    """How many authentic deliveries were refused since the last one that was taken, and why."""

    def __init__(self) -> None:
        self.in_a_row = 0
        self._cause = ""
        self._mismatches = 0
        self._others, self._other = 0, ""
        self._stale: dict[bytes, None] = {}
        # Beyond the fifth: a spool that is full refuses every delivery.
        self._seldom = Seldom(self._say_more, seconds=BETWEEN_SECONDS)

    def taken(self) -> None:
        """Note a delivery that was answered 2xx."""
        self.in_a_row = self._mismatches = self._others = 0

    def refused(self, error: RequestError) -> None:
        """Note a refusal, if it is one that the provider sees."""
        match error:
            case SignatureError(reason="stale", seconds_off=seconds, mac=mac):
                if self._is_new(mac):
                    self._count(f"clock: its signature is {abs(seconds):.0f} s {'old' if seconds > 0 else 'ahead'}")
            case SignatureError(reason="mismatch"):
                self._mismatches += 1
            case StoreUnavailableError():
                self._count(str(error))
            case SignatureError():
                pass
            case _:
                self._others, self._other = self._others + 1, f"{error.status} {error.detail or error.code}"

    def check(self, *, trusted: bool) -> Finding:
        """Return whether there is reason to worry; and the count in words, for who may know it."""
        holds = self.in_a_row < WARN_FROM
        if not trusted:
            said = f"{'fewer than ' if holds else ''}{WARN_FROM} {'' if holds else 'or more '}authentic deliveries"
            todo = "" if holds else "see the log, or `receiver check`"
            return Finding("failures", holds=holds, seen=f"{said} refused in a row", todo=todo)
        said = f"{self.in_a_row} of {UNTIL_OFF} authentic deliveries refused in a row"
        if self.in_a_row:
            said += f", {self._cause}"
        if self._mismatches:
            said += f"; {self._mismatches} matched no secret since the last that was taken: is it the right one?"
        if self._others:
            said += f"; {self._others} others refused since the last that was taken, lately with {self._other}"
        return Finding("failures", holds=holds, seen=said)

    def _is_new(self, mac: bytes) -> bool:
        """Whether a stale delivery was not counted yet, as far as is remembered."""
        if mac in self._stale:
            return False
        self._stale[mac] = None
        if len(self._stale) > REMEMBERED:
            del self._stale[next(iter(self._stale))]
        return True

    def _count(self, cause: str) -> None:
        self.in_a_row += 1
        self._cause = cause
        if self.in_a_row > UNTIL_OFF:
            self._seldom.note(cause)
        elif self.in_a_row >= WARN_FROM:
            self._say()

    def close(self) -> None:
        """Say what was not said yet."""
        self._seldom.close()

    def _say_more(self, _: Sequence[Heard]) -> None:
        if self.in_a_row > UNTIL_OFF:  # none was taken since
            self._say()

    def _say(self) -> None:
        log.error(
            "%d authentic deliveries refused in a row (%s); after %d the provider switches the webhook off",
            self.in_a_row, self._cause, UNTIL_OFF,
        )  # fmt: skip
