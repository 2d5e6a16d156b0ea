"""Who may look and who may act.

    a link    from whoever can read the database; ten minutes, from this machine alone ─┐
    a token   RECEIVER_CONSOLE_TOKEN, RECEIVER_CONSOLE_READ_TOKEN ──────────────────────┴──▶ a cookie, seven days

Links and cookies are signed with a key that the database keeps, so every console on this database takes them, and
nobody else can make one. The cookie of a token is signed with the token too: it ends when the token changes. No cookie
is kept: each is valid for its seven days, also one that was copied before its browser signed out.

Wrong tokens are bounded: see `Tries`.
"""

import hashlib
import hmac
import ipaddress
import secrets
import socket
import time
from collections import deque
from collections.abc import Callable
from enum import StrEnum
from urllib.parse import urlencode

from itsdangerous import BadSignature, TimestampSigner

from receiver.database import Database, query

LINK_SECONDS = 10 * 60
SIGNED_IN_SECONDS = 7 * 24 * 3600
KEY_BYTES = 32
PATH = "/sign-in"
LOCAL = "local"


class Role(StrEnum):
    """What somebody may do: look, or also act."""

    READER = "reader"
    OPERATOR = "operator"


class _Signer(TimestampSigner):
    """A signer with the clock that it is given."""

    def __init__(self, key: bytes, purpose: str, clock: Callable[[], float]) -> None:
        super().__init__(key, salt=f"receiver.console.{purpose}", digest_method=hashlib.sha256)
        self._clock = clock

    def get_timestamp(self) -> int:
        """Return the time in seconds."""
        return int(self._clock())


class Access:
    """Makes and reads links and cookies.

    Args:
        key: the console's key in the database.
        token: with which people sign in to act; empty if there is none.
        read_token: with which people sign in to look.
        clock: the time in seconds since 1970.
    """

    def __init__(
        self, key: bytes, *, token: str = "", read_token: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._link = _Signer(key, "link", clock)
        self._tokens = {role: text for role, text in ((Role.OPERATOR, token), (Role.READER, read_token)) if text}
        self._cookies: dict[str, _Signer] = {LOCAL: _Signer(key, LOCAL, clock)} | {
            role: _Signer(hmac.digest(key, text.encode(), "sha256"), role, clock) for role, text in self._tokens.items()
        }

    def link(self, base: str) -> str:
        """Return an address that signs in whoever opens it on this machine."""
        return f"{base}{PATH}?{urlencode({'link': self._link.sign(LOCAL).decode()})}"

    def by_link(self, link: str) -> str | None:
        """Return the cookie for the text of a link; None if it is not ours, or too old."""
        return None if _unsigned(self._link, link, LINK_SECONDS) != LOCAL else self._cookie(LOCAL)

    def by_token(self, given: str) -> str | None:
        """Return the cookie for a token; None if it is wrong."""
        # Both are compared, whichever it is: the time tells nothing.
        fitting = [role for role, text in self._tokens.items() if hmac.compare_digest(text.encode(), given.encode())]
        return self._cookie(fitting[0]) if fitting else None

    def role(self, cookie: str, *, is_local: bool) -> Role | None:
        """Return what the holder of a cookie may do; None if it is forged, too old, or does not count from there."""
        kind = cookie.partition(".")[0]
        signer = self._cookies.get(kind)
        if signer is None or _unsigned(signer, cookie, SIGNED_IN_SECONDS) != kind or (kind == LOCAL and not is_local):
            return None
        return Role.OPERATOR if kind == LOCAL else Role(kind)

    def _cookie(self, kind: str) -> str:
        return self._cookies[kind].sign(kind).decode()


def _unsigned(signer: _Signer, text: str, seconds: int) -> str | None:
    try:
        return signer.unsign(text, max_age=seconds).decode()
    except (BadSignature, ValueError):
        return None


async def read_key(db: Database) -> bytes:
    """Return the console's key. Whoever asks first makes it."""
    key: bytes | None = None
    while key is None:  # another process made it at the same moment: the next look sees it
        key = await db.fetchval(query("console/read_key"), secrets.token_bytes(KEY_BYTES))
    return key


async def note_address(db: Database, address: str) -> None:
    """Note where the console of this machine listens."""
    await db.execute(query("console/note_address"), socket.gethostname(), address)


async def address(db: Database) -> str | None:
    """Return where the console of this machine listens; None if none has ever run here."""
    found: str | None = await db.fetchval(query("console/read_address"), socket.gethostname())
    return found


class Tries:
    """Bounds how often somebody can fail to sign in.

    Behind a proxy everybody has the proxy's address, and its last word on whom it speaks for. Without a proxy anybody
    can say anything there. So both are bounded: each address with each such word, and each address.

    Args:
        each: failed tries in `seconds` of an address with a word. An IPv6 network of a customer (/64) is one address.
        most: those of an address.
        kept: those that are remembered, of all.
        seconds: how long a failed try counts.
        clock: monotonic seconds.
    """

    def __init__(
        self, *, each: int = 10, most: int = 100, kept: int = 10_000, seconds: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._each, self._most, self._seconds, self._clock = each, most, seconds, clock
        self._failed = deque[tuple[float, str, str]](maxlen=kept)

    def wait(self, client: str | None, forwarded: str = "") -> float:
        """Return in how many seconds a client may try again; 0 if now.

        Args:
            client: the address that the request comes from.
            forwarded: for whom a proxy says that it speaks: `X-Forwarded-For`.
        """
        now, address, word = self._clock(), _network(client), _last(forwarded)
        while self._failed and now - self._failed[0][0] >= self._seconds:
            self._failed.popleft()
        own = [(at, its) for at, whose, its in self._failed if whose == address]
        same = [at for at, its in own if its == word]
        bounds = ((same, self._each), ([at for at, _ in own], self._most))
        full = [ats[-most] for ats, most in bounds if len(ats) >= most]
        return max((at + self._seconds - now for at in full), default=0.0)

    def note(self, client: str | None, forwarded: str = "") -> None:
        """Note a failed try."""
        self._failed.append((self._clock(), _network(client), _last(forwarded)))


def _last(forwarded: str) -> str:
    """Return for whom the nearest proxy speaks: each adds its client behind what it was told."""
    return _network(forwarded.rpartition(",")[2].strip())


def _network(client: str | None) -> str:
    try:
        address = ipaddress.ip_address(client or "")
    except ValueError:
        return client or ""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
