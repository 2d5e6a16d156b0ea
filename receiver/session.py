"""A session with PostgreSQL: opened at one host after the other, with settings of our own, or a sentence why not.

What we rely on is set after connecting: a pooler refuses it at the start of a connection, and told to ignore it gives
what role or database say. asyncpg would give every host of a list the whole time, so that one that hangs hides the
others; here each gets its share, and the host that was good last comes first.
"""

import asyncio
import errno
import functools
import getpass
import logging
import os
import ssl
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlencode

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from receiver import dsn, outages
from receiver.dsn import FILES, Address, Dsn
from receiver.errors import ConfigError, StoreMisconfiguredError, StoreUnavailableError
from receiver.outages import Reason

log = logging.getLogger(__name__)

Session: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Connection: TypeAlias = "Session | PoolConnectionProxy[asyncpg.Record]"

HERE = Path(__file__).parent
SQL = HERE / "sql" if (HERE / "sql").is_dir() else HERE.parent / "sql"  # inside the wheel, or beside us in a checkout
CONNECT_SECONDS = 10.0
LEAST_SECONDS = 0.05
# Of a statement's time: who waits for a lock is told that it was a lock, and keeps its connection from others.
LOCK_SHARE = 0.2

# Whoever falls silent in a transaction would hold its locks for ever, a job's row among them; the server ends the
# transaction instead. Other time limits that a role may have are switched off: we have deadlines of our own.
RELIED_ON = {
    "client_encoding": "UTF8",
    "default_transaction_isolation": "read committed",
    "idle_in_transaction_session_timeout": "1min",
    "idle_session_timeout": "0",
    "search_path": "public",  # where nothing of the role's own is left
    "synchronous_commit": "on",
    "transaction_timeout": "0",
}
ASSERTED = {
    "client_encoding": ("UTF8",),
    "default_transaction_isolation": ("read committed",),
    "idle_in_transaction_session_timeout": ("1min",),
    "synchronous_commit": ("on", "remote_apply"),
}


@functools.cache
def query(name: str) -> str:
    """Return the statement in `sql/queries/<name>.sql`."""
    return (SQL / "queries" / f"{name}.sql").read_text(encoding="utf-8")


def read_queries() -> None:
    """Read every statement now: a process that outlives an upgrade must not run the new version's."""
    for path in (SQL / "queries").glob("*.sql"):
        query(path.stem)


class Sessions:
    """Opens sessions with the database of a URL.

    Args:
        url: the database.
        statement_seconds: how long a statement may take before the server ends it, and a fifth of that for a lock that
            it waits for; None for as long as it takes, whatever a role's own settings say.
    """

    def __init__(self, url: str, *, statement_seconds: float | None = None) -> None:
        self._url = url
        self._statement_seconds = statement_seconds or 0.0
        self._last_good: Address | None = None

    @functools.cached_property
    def _dsn(self) -> Dsn:
        asked = _with_user(dsn.read(self._url, os.environ))
        if asked.ignored:
            log.debug("DATABASE_URL: %s mean nothing here", ", ".join(asked.ignored))
        return asked

    @functools.cached_property
    def _settings(self) -> dict[str, str]:
        milliseconds = round(self._statement_seconds * 1000)
        times = {"lock_timeout": round(milliseconds * LOCK_SHARE), "statement_timeout": milliseconds}
        own = {"application_name": self._dsn.application} | {name: f"{time}ms" for name, time in times.items()}
        return RELIED_ON | own

    async def open(self, *, seconds: float = CONNECT_SECONDS, **options: Any) -> Session:
        """Open a session within `seconds`; `options` are asyncpg's.

        Raises:
            ConfigError: the URL, or a variable that fills it in, is wrong.
            StoreMisconfiguredError: it cannot be opened as it is configured, now or ever.
            StoreUnavailableError: it cannot be opened now.
        """
        end = time.monotonic() + seconds
        tries, failed = list(self._tries()), []
        for number, (address, kind) in enumerate(tries):
            share = max(LEAST_SECONDS, (end - time.monotonic()) / (len(tries) - number))
            try:
                session = await self._open(address, kind, share, options)
            except (*outages.CONNECTING, StoreMisconfiguredError) as exc:
                failed.append((_reason(exc, self._dsn, address), exc))
            else:
                self._last_good = address
                return session
        said = "; ".join(dict.fromkeys(reason.said for reason, _ in failed))
        if all(reason.is_final for reason, _ in failed):
            raise StoreMisconfiguredError(said) from failed[-1][1]
        raise StoreUnavailableError(said, no_room=any(reason.no_room for reason, _ in failed)) from failed[-1][1]

    async def prepare(self, session: "Connection") -> None:
        """Set what we rely on, and see that it is so.

        Raises:
            StoreMisconfiguredError: it is not.
        """
        names, values = list(self._settings), list(self._settings.values())
        has = {row["name"]: row["value"] for row in await session.fetch(query("set_session"), names, values)}
        wrong = [f"{name} is {has.get(name)}" for name, right in ASSERTED.items() if has.get(name) not in right]
        if wrong:
            said = f"{self._dsn.shown()} does not let us set what we rely on: {', '.join(wrong)}"
            raise StoreMisconfiguredError(f"{said}; use the server's direct URL")

    def _tries(self) -> Iterator[tuple[Address | None, str]]:
        """Yield where to connect to, in order, and which kind of server will do there."""
        addresses: list[Address | None] = sorted(self._dsn.addresses, key=lambda one: one != self._last_good)
        kinds = ("standby", "any") if self._dsn.session == "prefer-standby" else (self._dsn.session,)
        yield from ((address, kind) for kind in kinds for address in addresses or [None])

    async def _open(self, address: Address | None, kind: str, seconds: float, options: dict[str, Any]) -> Session:
        end = time.monotonic() + seconds
        arguments = _arguments(self._dsn, address) | options | {"target_session_attrs": kind, "timeout": seconds}
        session: Session = await asyncpg.connect(**arguments)
        # A server that stops here would hold asyncpg past a timeout: only ending the connection from our side helps.
        preparing = asyncio.ensure_future(self.prepare(session))
        try:
            async with asyncio.timeout(max(LEAST_SECONDS, end - time.monotonic())):
                await asyncio.shield(preparing)
        except BaseException:
            session.terminate()
            preparing.add_done_callback(lambda done: done.cancelled() or done.exception())
            raise
        return session


async def connect(url: str, *, seconds: float = CONNECT_SECONDS) -> Session:
    """Open one session with the database of a URL.

    Raises: what `Sessions.open` raises.
    """
    return await Sessions(url).open(seconds=seconds)


def _with_user(asked: Dsn) -> Dsn:
    """Fill in this process' own user where nobody else is named, as every client does."""
    if asked.user is not None or "service" in asked.passed:
        return asked
    try:
        return replace(asked, user=getpass.getuser())
    except (KeyError, OSError):  # a container's user needs no name
        raise ConfigError(
            "DATABASE_URL: names no user, and this process' own has no name: write postgresql://USER@…"
        ) from None


def _arguments(asked: Dsn, address: Address | None) -> dict[str, Any]:
    """Return what asyncpg is given: all of it, so that it looks for little else in the environment."""
    arguments: dict[str, Any] = {
        "user": asked.user, "password": asked.password, "database": asked.database,
        "server_settings": dict(asked.server_settings) or None,
    }  # fmt: skip
    if asked.passed:
        arguments["dsn"] = f"postgresql://?{urlencode(asked.passed)}"
    if address is None:
        return arguments | {"ssl": _tls(asked)}
    arguments |= {"host": address.host, "port": address.port}
    if address.is_socket:  # where no demand that was meant for a server far away counts
        return arguments | {"ssl": "disable", "direct_tls": False, "gsslib": "gssapi"}
    return arguments | {"ssl": _tls(asked), "direct_tls": asked.is_direct}


def _tls(asked: Dsn) -> "str | ssl.SSLContext":
    """Return the mode, or what asyncpg has no mode for."""
    if asked.is_system_trusted:
        context = ssl.create_default_context()
    elif asked.security == "no-verify":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        return asked.security
    context.set_alpn_protocols(["postgresql"])
    return context


def _reason(error: BaseException, asked: Dsn, address: Address | None) -> Reason:
    if isinstance(error, StoreUnavailableError):
        return Reason(str(error), is_final=isinstance(error, StoreMisconfiguredError))
    if isinstance(error, OSError | ValueError) and (address is None or not address.is_socket):
        unreadable = _unreadable(asked) or _unreadable_home(error)
        if unreadable is not None:
            return Reason(unreadable, is_final=True)
    return outages.of_connecting(error, asked, address)


def _unreadable(asked: Dsn) -> str | None:
    """Return which file of TLS cannot be read, if that is so."""
    files = {f"DATABASE_URL: {name}": path for name in FILES if (path := asked.passed.get(name))}
    variables = [variable for name, variable in FILES.items() if name not in asked.passed]
    if asked.is_system_trusted:
        variables = [one for one in variables if one != FILES["sslrootcert"]] + ["SSL_CERT_FILE"]
    files |= {variable: path for variable in variables if (path := os.environ.get(variable))}
    for name, path in files.items():
        try:
            Path(path).open("rb").close()
        except OSError as exc:
            return f"{name}: {path} cannot be read ({exc.strerror})"
    keys = os.environ.get("SSLKEYLOGFILE")
    if keys and not Path(keys).parent.is_dir():
        return f"SSLKEYLOGFILE: {keys} cannot be written"
    return None


def _unreadable_home(error: BaseException) -> str | None:
    """Return whether it is the folder in which asyncpg looks for certificates that cannot be read.

    A container that runs as another user than its image was made for keeps that one's HOME.
    """
    with suppress(RuntimeError, KeyError):  # a user without a home
        folder = Path.home() / ".postgresql"
        try:
            folder.stat()
        except OSError as exc:
            if isinstance(error, OSError) and error.errno == exc.errno != errno.ENOENT:
                return f"HOME: {folder} cannot be read ({exc.strerror}): set HOME to a folder of this user's"
    return None
