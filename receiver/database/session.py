"""A session with PostgreSQL: opened at one host after the other, with settings of our own, or a sentence why not.

What we rely on is set after connecting: a pooler refuses it at the start of a connection, and told to ignore it gives
what role or database say. asyncpg would give every host of a list, and every address of a name, the whole time, so that
one that hangs hides the others; here each gets its share, and the one that was good last comes first.
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
SQL = HERE / "sql" if (HERE / "sql").is_dir() else HERE.parent / "sql"  # inside the wheel, or beside us in a checkout
CONNECT_SECONDS = 10.0
# Of a statement's time: who waits for a lock is told that it was a lock, and keeps its connection from others.
LOCK_SHARE = 0.2

# Whoever falls silent in a transaction would hold its locks for ever, a job's row among them; the server ends the
# transaction instead. Other time limits that a role may have are switched off: we have deadlines of our own.
RELIED_ON = {
    "client_encoding": "UTF8",
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    "idle_in_transaction_session_timeout": "1min",
    "idle_session_timeout": "0",
    "search_path": "public",  # where nothing of the role's own is left
    "session_replication_role": "origin",  # or what a table refers to is neither checked nor deleted
    "standard_conforming_strings": "on",  # or a backslash in our statements means another thing
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
    """Return the statement in `sql/queries/<name>.sql`, whose name is `room/intention`."""
    return (SQL / "queries" / f"{name}.sql").read_text(encoding="utf-8")


def read_queries() -> None:
    """Read every statement now: a process that outlives an upgrade must not run the new version's."""
    folder = SQL / "queries"
    for path in folder.rglob("*.sql"):
        query(path.relative_to(folder).with_suffix("").as_posix())


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
        name, file = dsn.service(self._url, os.environ)
        service = libpq.service(name, file, os.environ) if name else None
        asked = _with_user(dsn.read(self._url, os.environ, service))
        if asked.ignored:
            log.debug("DATABASE_URL: %s mean nothing here", ", ".join(asked.ignored))
        if asked.demands and not all(address.is_socket for address in asked.addresses):
            _warn(f"{', '.join(asked.demands)} asks for safety that we cannot give; sslmode=verify-full can be had")
        return asked

    @functools.cached_property
    def _password(self) -> str | None:
        """The password, or none where asyncpg may look for one in a file."""
        file = self._dsn.passed.get("passfile") or os.environ.get("PGPASSFILE", "")
        if self._dsn.password is None and (unfit := libpq.unfit_password_file(file)):
            _warn(f"no password is known: {unfit}")
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
            ConfigError: the URL, or a variable that fills it in, is wrong.
            StoreMisconfiguredError: it cannot be opened as it is configured, now or ever.
            StoreUnavailableError: it cannot be opened now.
        """
        failed: list[tuple[Reason, BaseException]] = []
        readers: list[Session] = []  # servers that take no writes, which are better than none
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
        said = "; ".join(dict.fromkeys(reason.said for reason, _ in failed))
        if all(reason.is_final for reason, _ in failed):
            raise StoreMisconfiguredError(said) from failed[-1][1]
        raise StoreUnavailableError(said, no_room=any(reason.no_room for reason, _ in failed)) from failed[-1][1]

    async def prepare(self, session: "Connection") -> bool:
        """Set what we rely on, and see that it is so; returns whether the server takes writes.

        Raises:
            StoreMisconfiguredError: it is not so.
        """
        names, values = list(self._settings), list(self._settings.values())
        has = {row["name"]: row["value"] for row in await session.fetch(query("database/set_session"), names, values)}
        wrong = [f"{name} is {has.get(name)}" for name, right in ASSERTED.items() if has.get(name) not in right]
        if wrong:
            said = f"{self._dsn.shown()} does not let us set what we rely on: {', '.join(wrong)}"
            raise StoreMisconfiguredError(f"{said}; use the server's direct URL")
        return bool(has["is_standby"] == "false" and has["default_transaction_read_only"] == "off")

    async def _tries(
        self, end: float, failed: list[tuple[Reason, BaseException]]
    ) -> AsyncIterator[tuple[Address, str, float]]:
        """Yield where to connect to, in order, which kind of server will do there, and until when to try.

        Why a name has no address is added to what `failed`.
        """
        kinds = ("standby", "any") if self._dsn.session == "prefer-standby" else (self._dsn.session or "any",)
        ordered = sorted(self._dsn.addresses, key=self._is_new)
        for (kind, named), end_there in shared([(kind, one) for kind in kinds for one in ordered], end):
            try:
                found = await resolved(named, end_there)
            except outages.CONNECTING as exc:
                failed.append((_reason(exc, self._dsn, named), exc))
                continue
            for address, end_here in shared(sorted(found, key=lambda one: one != self._last_good), end_there):
                yield address, kind, end_here

    def _is_new(self, address: Address) -> bool:
        good = self._last_good
        return good is None or (address.host, address.port) != (good.host, good.port)

    async def _open(self, address: Address, kind: str, end: float, options: dict[str, Any]) -> tuple[Session, bool]:
        """Open a session at one address, and say whether it takes writes."""
        seconds = max(LEAST_SECONDS, end - time.monotonic())
        arguments = _arguments(self._dsn, address) | options
        arguments |= {"password": self._password, "target_session_attrs": kind, "timeout": seconds}
        if address.number:
            arguments["loop"] = Towards(asyncio.get_running_loop(), address.number)
        session: Session = await asyncpg.connect(**arguments)
        # A server that stops here would hold asyncpg past a timeout: only ending the connection from our side helps.
        preparing = asyncio.ensure_future(self.prepare(session))
        try:
            async with asyncio.timeout(max(LEAST_SECONDS, end - time.monotonic())):
                return session, await asyncio.shield(preparing)
        except BaseException:
            session.terminate()
            preparing.add_done_callback(lambda done: done.cancelled() or done.exception())
            raise


@functools.cache
def _warn(said: str) -> None:
    """Say it once, however many sessions it is true of."""
    log.warning("%s", said)


async def connect(url: str, *, seconds: float = CONNECT_SECONDS) -> Session:
    """Open one session with the database of a URL.

    Raises: what `Sessions.open` raises.
    """
    return await Sessions(url).open(seconds=seconds)


def _with_user(asked: Dsn) -> Dsn:
    """Fill in this process' own user where nobody else is named, as every client does."""
    if asked.user is not None:
        return asked
    try:
        return replace(asked, user=getpass.getuser())
    except (KeyError, OSError):  # a container's user needs no name
        raise ConfigError(
            "DATABASE_URL: names no user, and this process' own has no name: write postgresql://USER@…"
        ) from None


def _arguments(asked: Dsn, address: Address) -> dict[str, Any]:
    """Return what asyncpg is given: all of it, so that it looks for little else in the environment."""
    arguments: dict[str, Any] = {
        "user": asked.user, "database": asked.database, "server_settings": dict(asked.server_settings) or None,
        "host": address.host, "port": address.port,
    }  # fmt: skip
    if asked.passed:
        arguments["dsn"] = f"postgresql://?{urlencode(asked.passed)}"
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


def _reason(error: BaseException, asked: Dsn, address: Address) -> Reason:
    if isinstance(error, StoreUnavailableError):
        return Reason(str(error), is_final=isinstance(error, StoreMisconfiguredError))
    is_far = isinstance(error, ConnectionError | TimeoutError | socket.gaierror) and not asked.is_system_trusted
    is_short = isinstance(error, OSError) and error.errno in outages.NO_ROOM  # which those files would be met by too
    if isinstance(error, OSError | ValueError) and not is_far and not is_short and not address.is_socket:
        mistake = certificates.mistake(asked) or _unreadable_home(error)
        if mistake is not None:
            return Reason(mistake, is_final=True)
    return outages.of_connecting(error, asked, address)


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
