"""Sessions with PostgreSQL: try one host after the other, and set the settings that we rely on.

The settings are set after connecting. A pooler refuses them at the start of a connection, or ignores them, and then the
settings of the role or database would hold. asyncpg would give every host and every address the whole time, so that a
hanging host hides the others. Here each address gets a share of the time, and the last good address comes first.
"""

import asyncio
import errno
import functools
import getpass
import logging
import os
import socket
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlencode

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from receiver.database import certificates, dsn, libpq, outages
from receiver.database.dsn import Dsn
from receiver.database.hosts import Address
from receiver.database.outages import Reason
from receiver.database.reaching import LEAST_SECONDS, Towards, resolved, shared
from receiver.errors import ConfigError, StoreMisconfiguredError, StoreUnavailableError

log = logging.getLogger(__name__)

Session: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Connection: TypeAlias = "Session | PoolConnectionProxy[asyncpg.Record]"

HERE = Path(__file__).parent.parent
SQL = (
    HERE / "sql" if (HERE / "sql").is_dir() else HERE.parent / "sql"
)  # in the wheel, or beside `receiver` in a checkout
CONNECT_SECONDS = 10.0
# The lock timeout as a share of the statement timeout: the error names the lock, and the connection is free sooner.
LOCK_SHARE = 0.2

# A client that falls silent in a transaction would hold its locks forever, such as the lock on a job's row. So the
# server ends the transaction. A role's other time limits are switched off, because we have our own deadlines.
RELIED_ON = {
    "client_encoding": "UTF8",
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    "idle_in_transaction_session_timeout": "1min",
    "idle_session_timeout": "0",
    "search_path": "public",  # used if nothing of the role's own search_path is left
    "session_replication_role": "origin",  # otherwise foreign keys are neither checked nor cascaded
    "standard_conforming_strings": "on",  # otherwise a backslash in our statements has another meaning
    "synchronous_commit": "on",
    "transaction_timeout": "0",
}
ASSERTED = {
    "client_encoding": ("UTF8",),
    "default_transaction_isolation": ("read committed",),
    "idle_in_transaction_session_timeout": ("1min",),
    "session_replication_role": ("origin",),
    "standard_conforming_strings": ("on",),
    "synchronous_commit": ("on", "remote_apply"),
}


@functools.cache
def query(name: str) -> str:
    """Return the statement in `sql/queries/<name>.sql`; the name is `room/intention`."""
    return (SQL / "queries" / f"{name}.sql").read_text(encoding="utf-8")


def read_queries() -> None:
    """Read every statement now: a process that outlives an upgrade must not run the new version's statements."""
    folder = SQL / "queries"
    for path in folder.rglob("*.sql"):
        query(path.relative_to(folder).with_suffix("").as_posix())


class Sessions:
    """Opens sessions with the database of a URL.

    Args:
        url: the database.
        statement_seconds: the server ends a statement after this time, and a wait for a lock after a fifth of it. None
            for no limit, even if the role has its own limits.
    """

    def __init__(self, url: str, *, statement_seconds: float | None = None) -> None:
        self._url = url
        self._statement_seconds = statement_seconds or 0.0
        self._last_good: Address | None = None

    @functools.cached_property
    def _dsn(self) -> Dsn:
        name, file = dsn.service(self._url, os.environ)
        service = libpq.service(name, file, os.environ) if name else None
        asked = _with_user(dsn.read(self._url, os.environ, service))
        if asked.ignored:
            log.debug("DATABASE_URL: %s have no effect here", ", ".join(asked.ignored))
        if asked.demands and not all(address.is_socket for address in asked.addresses):
            _warn(f"{', '.join(asked.demands)} asks for a protection that we do not offer; use sslmode=verify-full")
        return asked

    @functools.cached_property
    def _password(self) -> str | None:
        """The password; None lets asyncpg look for one in a password file."""
        file = self._dsn.passed.get("passfile") or os.environ.get("PGPASSFILE", "")
        if self._dsn.password is None and (why := libpq.why_password_file_unread(file)):
            _warn(f"no password was found: {why}")
            return ""
        return self._dsn.password

    @functools.cached_property
    def _settings(self) -> dict[str, str]:
        milliseconds = round(self._statement_seconds * 1000)
        times = {"lock_timeout": round(milliseconds * LOCK_SHARE), "statement_timeout": milliseconds}
        own = {"application_name": self._dsn.application} | {name: f"{time}ms" for name, time in times.items()}
        return RELIED_ON | own

    async def open(self, *, seconds: float = CONNECT_SECONDS, **options: Any) -> Session:
        """Open a session within `seconds`; `options` are asyncpg's.

        Raises:
            ConfigError: the URL, or a variable that completes it, is wrong.
            StoreMisconfiguredError: no session can ever be opened with this configuration.
            StoreUnavailableError: no session can be opened now.
        """
        failed: list[tuple[Reason, BaseException]] = []
        readers: list[Session] = []  # read-only servers, which are better than none
        try:
            async for address, kind, end in self._tries(time.monotonic() + seconds, failed):
                try:
                    session, writes = await self._open(address, kind, end, options)
                except (*outages.CONNECTING, StoreMisconfiguredError) as exc:
                    failed.append((_reason(exc, self._dsn, address), exc))
                    continue
                if writes or self._dsn.session:
                    self._last_good = address
                    return session
                readers.append(session)
            if readers:
                return readers.pop(0)
        finally:
            for reader in readers:
                reader.terminate()
        message = "; ".join(dict.fromkeys(reason.message for reason, _ in failed))
        if all(reason.is_final for reason, _ in failed):
            raise StoreMisconfiguredError(message) from failed[-1][1]
        raise StoreUnavailableError(message, no_room=any(reason.no_room for reason, _ in failed)) from failed[-1][1]

    async def prepare(self, session: "Connection") -> bool:
        """Set the settings that we rely on, and check them. Return whether the server is writable.

        Raises:
            StoreMisconfiguredError: a setting has another value.
        """
        names, values = list(self._settings), list(self._settings.values())
        rows = await session.fetch(query("database/set_session"), names, values)
        actual = {row["name"]: row["value"] for row in rows}
        wrong = [f"{name} is {actual.get(name)}" for name, right in ASSERTED.items() if actual.get(name) not in right]
        if wrong:
            message = f"{self._dsn.shown()} does not let us change settings that we rely on: {', '.join(wrong)}"
            raise StoreMisconfiguredError(f"{message}; use the server's direct URL")
        return bool(actual["is_standby"] == "false" and actual["default_transaction_read_only"] == "off")

    async def _tries(
        self, end: float, failed: list[tuple[Reason, BaseException]]
    ) -> AsyncIterator[tuple[Address, str, float]]:
        """Yield, in order, an address, the accepted kind of server, and the deadline for this try.

        If a name has no address, the reason is appended to `failed`.
        """
        kinds = ("standby", "any") if self._dsn.session == "prefer-standby" else (self._dsn.session or "any",)
        ordered = sorted(self._dsn.addresses, key=self._is_new)
        for (kind, named), end_there in shared([(kind, address) for kind in kinds for address in ordered], end):
            try:
                found = await resolved(named, end_there)
            except outages.CONNECTING as exc:
                failed.append((_reason(exc, self._dsn, named), exc))
                continue
            good_first = sorted(found, key=lambda address: address != self._last_good)
            for address, end_here in shared(good_first, end_there):
                yield address, kind, end_here

    def _is_new(self, address: Address) -> bool:
        good = self._last_good
        return good is None or (address.host, address.port) != (good.host, good.port)

    async def _open(self, address: Address, kind: str, end: float, options: dict[str, Any]) -> tuple[Session, bool]:
        """Open a session at one address, and return it, and whether its server is writable."""
        seconds = max(LEAST_SECONDS, end - time.monotonic())
        arguments = _arguments(self._dsn, address) | options
        arguments |= {"password": self._password, "target_session_attrs": kind, "timeout": seconds}
        if address.number:
            arguments["loop"] = Towards(asyncio.get_running_loop(), address.number)
        session: Session = await asyncpg.connect(**arguments)
        # A server that hangs here would block asyncpg beyond a timeout, so we terminate the connection ourselves.
        preparing = asyncio.ensure_future(self.prepare(session))
        try:
            async with asyncio.timeout(max(LEAST_SECONDS, end - time.monotonic())):
                return session, await asyncio.shield(preparing)
        except BaseException:
            session.terminate()
            preparing.add_done_callback(lambda done: done.cancelled() or done.exception())
            raise


@functools.cache
def _warn(text: str) -> None:
    """Log a warning only once, however many sessions cause it."""
    log.warning("%s", text)


async def connect(url: str, *, seconds: float = CONNECT_SECONDS) -> Session:
    """Open one session with the database of a URL.

    Raises: what `Sessions.open` raises.
    """
    return await Sessions(url).open(seconds=seconds)


def _with_user(asked: Dsn) -> Dsn:
    """Fill in this process' own user if the URL names none, as every client does."""
    if asked.user is not None:
        return asked
    try:
        return replace(asked, user=getpass.getuser())
    except (KeyError, OSError):  # a container's user can be without a name
        raise ConfigError(
            "DATABASE_URL: it does not name a user, and this process' own user has no name: write postgresql://USER@…"
        ) from None


def _arguments(asked: Dsn, address: Address) -> dict[str, Any]:
    """Return asyncpg's arguments. They are complete, so that asyncpg reads little from the environment."""
    arguments: dict[str, Any] = {
        "user": asked.user, "database": asked.database, "server_settings": dict(asked.server_settings) or None,
        "host": address.host, "port": address.port,
    }  # fmt: skip
    if asked.passed:
        arguments["dsn"] = f"postgresql://?{urlencode(asked.passed)}"
    if address.is_socket:  # TLS demands are meant for a remote server
        return arguments | {"ssl": "disable", "direct_tls": False, "gsslib": "gssapi"}
    return arguments | {"ssl": _tls(asked), "direct_tls": asked.is_direct}


def _tls(asked: Dsn) -> "str | ssl.SSLContext":
    """Return asyncpg's TLS mode, or a context if asyncpg has no such mode."""
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


def _reason(error: BaseException, asked: Dsn, address: Address) -> Reason:
    if isinstance(error, StoreUnavailableError):
        return Reason(str(error), is_final=isinstance(error, StoreMisconfiguredError))
    is_far = isinstance(error, ConnectionError | TimeoutError | socket.gaierror) and not asked.is_system_trusted
    is_short = isinstance(error, OSError) and error.errno in outages.NO_ROOM  # opening the TLS files would fail alike
    if isinstance(error, OSError | ValueError) and not is_far and not is_short and not address.is_socket:
        mistake = certificates.mistake(asked) or _unreadable_home(error)
        if mistake is not None:
            return Reason(mistake, is_final=True)
    return outages.of_connecting(error, asked, address)


def _unreadable_home(error: BaseException) -> str | None:
    """Return the problem if asyncpg cannot read the certificates' folder in HOME.

    That happens in a container that runs as another user than its image was made for: HOME is still the image's user's.
    """
    with suppress(RuntimeError, KeyError):  # a user without a home
        folder = Path.home() / ".postgresql"
        try:
            folder.stat()
        except OSError as exc:
            if isinstance(error, OSError) and error.errno == exc.errno != errno.ENOENT:
                return f"HOME: {folder} cannot be read ({exc.strerror}): set HOME to a folder of this user's"
    return None


async def database_id(connection: Connection) -> str:
    """Return the id of the database, which it keeps when its address changes."""
    found: str = await connection.fetchval(query("database/database_id"))
    return found
