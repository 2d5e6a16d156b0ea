"""Count refused deliveries as the provider does: after any five in a row it switches the webhook off.

Only authentic deliveries count, because anyone can send others. A stale delivery, with a correct MAC and a wrong time,
is authentic. Either a clock is wrong, or someone replays the delivery, so each one counts once. A mismatch, which
fits no secret, is only a hint beside the count: if no other delivery comes, our secret might be the wrong one. Other
refusals are hints too, for example if a proxy has added a header.

A sender must not learn whether its delivery was stale or a mismatch: that would show whether a secret is still in use.
So the counts go to the log, and to callers that know a secret. To other callers, readiness shows only whether there is
an alarm.
"""

import logging
from collections.abc import Sequence

from receiver.errors import RequestError, SignatureError, StoreUnavailableError
from receiver.health.finding import Finding
from receiver.logs.seldom import Heard, Seldom

log = logging.getLogger(__name__)

UNTIL_OFF = 5
WARN_FROM = 3
BETWEEN_SECONDS = 10.0
CLOCK = "clock"
WHY = "`receiver diagnose --last` says why"
REMEMBERED = 1000  # stale deliveries


class Failures:
    """The number of authentic deliveries to a webhook refused since the last accepted one, and the reason.

    The `mark` of its account follows the name of the finding.
    """

    def __init__(self, mark: str = "") -> None:
        self._mark = mark
        self.in_a_row = 0
        self._cause = ""
        self._mismatches = 0
        self._others, self._other = 0, ""
        self._stale: dict[bytes, None] = {}
        # For refusals after the fifth: a full spool refuses every delivery.
        self._seldom = Seldom(self._log_more, seconds=BETWEEN_SECONDS)

    def taken(self) -> None:
        """Note a delivery that was answered 2xx."""
        self.in_a_row = self._mismatches = self._others = 0

    def refused(self, error: RequestError) -> None:
        """Note a refusal. Only some of them count."""
        match error:
            case SignatureError(reason="stale", seconds_off=seconds, mac=mac):
                if self._is_new(mac):
                    self._count(f"{CLOCK}: its signature is {abs(seconds):.0f} s {'old' if seconds > 0 else 'ahead'}")
            case SignatureError(reason="mismatch"):
                self._mismatches += 1
            case StoreUnavailableError():
                self._count(str(error))
            case SignatureError():
                pass
            case _:
                self._others, self._other = self._others + 1, f"{error.status} {error.detail or error.code}"

    def check(self, *, trusted: bool) -> Finding:
        """Check whether there are few refusals. For a `trusted` caller, say also how many and why."""
        holds = self.in_a_row < WARN_FROM
        if not trusted:
            seen = f"{'fewer than ' if holds else ''}{WARN_FROM} {'' if holds else 'or more '}authentic deliveries"
            todo = "" if holds else "see the log, or `receiver check`"
            return Finding("failures", holds=holds, seen=f"{seen} refused in a row", todo=todo).of(self._mark)
        seen = f"{self.in_a_row} of {UNTIL_OFF} authentic deliveries refused in a row"
        if self.in_a_row:
            seen += f", {self._cause}"
        if self._mismatches:
            seen += f"; {self._mismatches} matched no secret since the last accepted one: is our secret the right one?"
        if self._others:
            seen += f"; {self._others} others refused since the last accepted one, lately with {self._other}"
        todo = WHY if self._mismatches or (self.in_a_row and self._cause.startswith(CLOCK)) else ""
        return Finding("failures", holds=holds, seen=seen, todo=todo).of(self._mark)

    def _is_new(self, mac: bytes) -> bool:
        """Note a stale delivery. Return whether it was not counted yet, as far as we remember."""
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
            self._log()

    def close(self) -> None:
        """Log what was not logged yet."""
        self._seldom.close()

    def _log_more(self, _: Sequence[Heard]) -> None:
        if self.in_a_row > UNTIL_OFF:  # no delivery was accepted since
            self._log()

    def _log(self) -> None:
        log.error(
            "%d authentic deliveries refused in a row%s (%s); after %d the provider switches the webhook off",
            self.in_a_row, self._mark, self._cause, UNTIL_OFF,
        )  # fmt: skip
