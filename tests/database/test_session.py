"""`database.session`: our settings hold, every host gets its share of the time, and a refusal is explained."""

import asyncio
import getpass
import logging
import os
import re
import resource
import socket
import ssl
import struct
import subprocess
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from receiver import database
from receiver.database import Connections, connect, migrations
from receiver.database.session import Sessions
from receiver.errors import ConfigError, StoreMisconfiguredError, StoreUnavailableError
from tests.processes import free_port

# What a role, a database or a server may have as its own, and what counts all the same.
SETTINGS = {
    "default_transaction_isolation": ("serializable", "read committed"),
    "default_transaction_read_only": ("on", "off"),
    "session_replication_role": ("replica", "origin"),
    "standard_conforming_strings": ("off", "on"),
    "synchronous_commit": ("off", "on"),
    "client_encoding": ("LATIN1", "UTF8"),
    "idle_in_transaction_session_timeout": ("1h", "1min"),
    "idle_session_timeout": ("1h", "0"),
    "lock_timeout": ("1h", "0"),
    "statement_timeout": ("1h", "0"),
}
SSL_REQUEST = 80877103


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Any]:
    connection = await connect(url)
    yield connection
    await connection.close()


@asynccontextmanager
async def pooled(url: str) -> AsyncIterator[Any]:
    async with database.pool(url, size=1) as pool:
        yield pool


@asynccontextmanager
async def given_back(url: str) -> AsyncIterator[Any]:
    """Lend a connection whose earlier user has changed its settings."""
    async with database.pool(url, size=1) as pool:
        async with pool.acquire() as before:
            pid = before.get_server_pid()
            for name, (theirs, _) in SETTINGS.items():
                await before.execute(f"set {name} = '{theirs}'")
        async with pool.acquire() as connection:
            assert connection.get_server_pid() == pid
            yield connection


@asynccontextmanager
async def answering(url: str) -> AsyncIterator[Any]:
    connections = Connections(url, size=1)
    try:
        yield await connections.run(_itself, seconds=60)
    finally:
        connections.close()


async def _itself(connection: database.Connection) -> database.Connection:
    return connection


async def settle(url: str, **settings: str) -> None:
    """Make settings the database's own."""
    admin = await asyncpg.connect(url)
    for name, value in settings.items():
        await admin.execute(f'alter database "{urlsplit(url).path[1:]}" set {name} = {value}')
    await admin.close()


@pytest.mark.parametrize("opened", [connected, pooled, given_back, answering])
async def test_what_we_rely_on_is_so_whatever_the_database_says(receiver_database: str, opened: Any) -> None:
    await settle(receiver_database, **{name: f"'{theirs}'" for name, (theirs, _) in SETTINGS.items()})
    other = await asyncpg.connect(receiver_database)
    assert await other.fetchval("show default_transaction_isolation") == "serializable"
    await other.close()
    async with opened(receiver_database) as connection:
        shown = {name: await connection.fetchval(f"show {name}") for name in SETTINGS}
    assert shown == {name: ours for name, (_, ours) in SETTINGS.items()}


async def test_a_commit_that_waits_for_more_than_our_disk_stays_so(receiver_database: str) -> None:
    for theirs, ours in (("remote_apply", "remote_apply"), ("remote_write", "on"), ("local", "on")):
        await settle(receiver_database, synchronous_commit=theirs)
        async with connected(receiver_database) as connection:
            assert await connection.fetchval("show synchronous_commit") == ours


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ('"$user", public', "public"),  # the role of these tests is called receiver
        ("receiver, public", "public"),
        ('"receiver", public, "Weird, name", "a""b"', 'public, "Weird, name", "a""b"'),
        ("audit, public", "audit, public"),
        ('receiver, "$user"', "public"),
    ],
)
async def test_tables_of_others_are_neither_made_nor_found_among_ours(
    receiver_database: str, theirs: str, ours: str
) -> None:
    await settle(receiver_database, search_path=theirs)
    async with pooled(receiver_database) as db:
        assert await db.fetchval("show search_path") == ours
        await db.execute("create schema if not exists audit")
        await db.execute("create table if not exists chapters (episode text primary key)")
        await db.execute("insert into chapters (episode) values ('1')")


async def test_a_role_that_is_called_otherwise_keeps_its_own_schema(receiver_database: str) -> None:
    await settle(receiver_database, search_path='"$user", public')
    admin = await asyncpg.connect(receiver_database)
    await admin.execute("create role podcast login")
    await admin.execute("create schema authorization podcast")
    try:
        async with pooled(receiver_database.replace("receiver@", "podcast@")) as db:
            await db.execute("create table chapters (episode text)")
            assert await db.fetchval("select 'chapters'::regclass = 'podcast.chapters'::regclass")
    finally:
        await admin.execute("drop schema podcast cascade")
        await admin.execute("drop role podcast")
        await admin.close()


async def test_a_statement_that_is_stuck_ends_by_itself_and_says_what_it_waited_for(receiver_database: str) -> None:
    sessions = Sessions(receiver_database, statement_seconds=0.5)
    one, other = await sessions.open(), await connect(receiver_database)
    async with other.transaction():
        await other.execute("lock table receiver.events")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await one.fetchval("select count(*) from receiver.events")
    with pytest.raises(asyncpg.QueryCanceledError):
        await one.fetchval("select pg_sleep(60)")
    await one.close()
    await other.close()


# --- servers of our own ----------------------------------------------------------------------------------------------


@dataclass
class Pooler:
    """What stands before a server and refuses every start of a connection, or says nothing more after it."""

    sqlstate: str = ""
    words: str = ""
    asked: list[dict[str, str]] = field(default_factory=list)
    port: int = 0
    certificate: Path | None = None
    without: tuple[str, str] = ("", "")  # its answer to a client without TLS, if it has a certificate

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError), closing(writer):
            await self._talk(reader, writer)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        code = SSL_REQUEST
        while code == SSL_REQUEST:
            (length,) = struct.unpack("!i", await reader.readexactly(4))
            body = await reader.readexactly(length - 4)
            (code,) = struct.unpack("!i", body[:4])
            if code == SSL_REQUEST and self.certificate is not None:
                writer.write(b"S")
                await writer.start_tls(_with(self.certificate))
            elif code == SSL_REQUEST:
                writer.write(b"N")
        words = body[4:].rstrip(b"\0").decode().split("\0")
        self.asked.append(dict(zip(words[::2], words[1::2], strict=True)))
        is_plain = self.certificate is not None and writer.get_extra_info("ssl_object") is None
        sqlstate, refusal = self.without if is_plain else (self.sqlstate, self.words)
        if sqlstate:
            said = f"SFATAL\0VFATAL\0C{sqlstate}\0M{refusal}\0\0".encode()
            writer.write(b"E" + struct.pack("!i", len(said) + 4) + said)
        else:
            version = b"server_version\x0018.0\0"
            writer.write(b"R" + struct.pack("!ii", 8, 0) + b"S" + struct.pack("!i", len(version) + 4) + version)
            writer.write(b"Z" + struct.pack("!i", 5) + b"I")
        await reader.read()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        talks: set[asyncio.Task[None]] = set()

        def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            talks.add(asyncio.create_task(self.answer(reader, writer)))

        async with await asyncio.start_server(begin, "127.0.0.1", 0) as server:
            self.port = server.sockets[0].getsockname()[1]
            yield f"postgresql://pod:hunter2@127.0.0.1:{self.port}/show"
        await asyncio.wait_for(asyncio.gather(*talks), 60)


@contextmanager
def hanging(host: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """Listen, and never answer."""
    with socket.create_server((host, port), backlog=64) as listener:
        yield listener.getsockname()[1]


@dataclass
class Front:
    """What takes connections by TCP for a server on a local socket, with TLS."""

    server: str
    certificate: Path
    port: int = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError), closing(writer):
            await reader.readexactly(8)  # it asks for TLS
            writer.write(b"S")
            await writer.start_tls(_with(self.certificate))
            inner, behind = await asyncio.open_unix_connection(f"{self.server}/.s.PGSQL.5432")
            with closing(behind):
                await asyncio.gather(_carry(reader, behind), _carry(inner, writer))

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        talks: set[asyncio.Task[None]] = set()

        def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            talks.add(asyncio.create_task(self.answer(reader, writer)))

        async with await asyncio.start_server(begin, "127.0.0.1", 0) as server:
            yield server.sockets[0].getsockname()[1]
        await asyncio.wait_for(asyncio.gather(*talks), 60)


def _with(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with closing(writer):
        while said := await reader.read(65536):
            writer.write(said)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Return a file with a certificate for `db.test` and its key."""
    key, signed, both = tmp_path / "key", tmp_path / "signed", tmp_path / "both"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=db.test -addext subjectAltName=DNS:db.test"
    subprocess.run([*command.split(), "-keyout", key, "-out", signed], check=True, capture_output=True)
    both.write_text(key.read_text() + signed.read_text())
    return both


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Return the addresses of names that this machine knows besides its own."""
    known: dict[str, list[str]] = {}
    others = socket.getaddrinfo

    def look(host: Any, port: Any, *rest: Any, **options: Any) -> Any:
        if host in known:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (number, port)) for number in known[host]]
        return others(host, port, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look)
    return known


def behind(url: str, *ports: int) -> str:
    """Return a URL with hosts before the local socket of `url`."""
    parts = urlsplit(url)
    folder = parse_qs(parts.query)["host"][0]
    hosts, numbers = ["127.0.0.1"] * len(ports) + [folder], [*map(str, ports), "5432"]
    return f"postgresql://receiver@{parts.path}?host={','.join(hosts)}&port={','.join(numbers)}"


async def test_a_connection_begins_with_nothing_that_a_pooler_refuses() -> None:
    pooler = Pooler("08P01", "no")
    async with pooler.listening() as url:
        with pytest.raises(StoreUnavailableError):
            await connect(url)
    assert set(pooler.asked[0]) == {"client_encoding", "user", "database"}


async def test_hosts_that_hang_cost_their_share_of_the_time(receiver_database: str) -> None:
    with hanging() as port, hanging() as other:
        async with asyncio.timeout(60):
            session = await Sessions(behind(receiver_database, port, other)).open(seconds=3)
    await session.close()


async def test_the_answer_path_finds_the_good_host_within_its_deadline(receiver_database: str) -> None:
    with hanging() as port:
        connections = Connections(behind(receiver_database, port))
        assert await connections.run(lambda c: c.fetchval("select 1"), seconds=4) == 1
        connections.close()


async def test_a_server_that_falls_silent_after_its_greeting_is_left_and_asked_last_from_then_on(
    receiver_database: str,
) -> None:
    pooler = Pooler()
    async with pooler.listening(), asyncio.timeout(60):
        sessions = Sessions(behind(receiver_database, pooler.port))
        for _ in range(2):
            session = await sessions.open(seconds=4)
            await session.close()
    assert len(pooler.asked) == 1


async def test_an_address_of_a_name_that_hangs_costs_its_share_and_the_certificate_is_still_checked_by_the_name(
    receiver_database: str, certificate: Path, names: dict[str, list[str]]
) -> None:
    front = Front(parse_qs(urlsplit(receiver_database).query)["host"][0], certificate)
    async with front.listening() as port, asyncio.timeout(60):
        with hanging("127.0.0.2", port):
            names |= {name: ["127.0.0.2", "127.0.0.1"] for name in ("db.test", "other.test")}
            query = f"sslmode=verify-full&sslrootcert={certificate}"
            url = f"postgresql://receiver@db.test:{port}{urlsplit(receiver_database).path}?{query}"
            sessions = Sessions(url)
            for seconds in (4, 60):  # the second time the one that was good comes first
                session = await sessions.open(seconds=seconds)
                assert await session.fetchval("select 1") == 1
                session.terminate()
        for hidden in (
            url.replace("db.test", "other.test"),
            f"{url}&hostaddr=127.0.0.1".replace("db.test", "other.test"),
        ):
            with pytest.raises(
                StoreUnavailableError, match=r"the certificate of receiver@other.test .*Hostname mismatch"
            ):
                await connect(hidden)
        session = await connect(f"{url}&hostaddr=127.0.0.1")
        session.terminate()


async def test_a_certificate_that_is_not_believed_is_no_outage(receiver_database: str, certificate: Path) -> None:
    front = Front(parse_qs(urlsplit(receiver_database).query)["host"][0], certificate)
    async with front.listening() as port, asyncio.timeout(60):
        url = f"postgresql://receiver@127.0.0.1:{port}{urlsplit(receiver_database).path}"
        for query, said in (
            (f"sslmode=verify-full&sslrootcert={certificate}", "IP address mismatch"),
            ("sslrootcert=system", "self-signed certificate"),
        ):
            with pytest.raises(StoreMisconfiguredError, match=said):
                await connect(f"{url}?{query}")


async def test_a_server_that_takes_no_writes_is_left_for_one_that_does_and_is_better_than_none(
    receiver_database: str,
) -> None:
    admin = await asyncpg.connect(receiver_database)
    await admin.execute("create sequence public.asked")
    await admin.execute(
        "create function public.pg_is_in_recovery() returns boolean as $$ select nextval('public.asked') % 2 = 1 $$ "
        "language sql"
    )
    await settle(receiver_database, search_path="public, pg_catalog")
    folder = parse_qs(urlsplit(receiver_database).query)["host"][0]
    url = f"postgresql://receiver@{urlsplit(receiver_database).path}?host={folder},{folder}/."
    for query, asked in (("", 2), ("&target_session_attrs=any", 3)):
        async with connected(f"{url}{query}"):
            assert await admin.fetchval("select last_value from public.asked") == asked
    await admin.execute("select setval('public.asked', 2)")
    async with connected(receiver_database):
        assert await admin.fetchval("select last_value from public.asked") == 3
    await admin.close()


async def test_a_server_that_is_set_to_read_only_is_not_made_to_write(receiver_database: str) -> None:
    async def settled(value: str) -> None:
        await admin.execute(f"alter system set default_transaction_read_only = {value}")
        await admin.execute("select pg_reload_conf()")
        async with asyncio.timeout(60):
            while await admin.fetchval("select reset_val from pg_settings where name = $1", name) != value:
                await admin.fetchval("select pg_sleep(0.01)")

    name = "default_transaction_read_only"
    admin = await asyncpg.connect(receiver_database)
    await admin.execute("set default_transaction_read_only = off")
    try:
        await settled("on")
        async with connected(receiver_database) as connection:
            assert await migrations.why_unusable(connection) == migrations.READS_ONLY
    finally:
        await settled("off")
        await admin.execute("alter system reset default_transaction_read_only")
        await admin.close()


async def test_only_the_kind_of_server_that_is_asked_for_will_do(receiver_database: str) -> None:
    async with connected(f"{behind(receiver_database)}&target_session_attrs=prefer-standby") as connection:
        assert await connection.fetchval("select not pg_is_in_recovery()")
    with pytest.raises(StoreUnavailableError, match="target_session_attrs=standby"):
        await connect(f"{behind(receiver_database)}&target_session_attrs=standby")


@pytest.mark.parametrize(
    ("sqlstate", "words", "is_final", "todo"),
    [
        ("28P01", 'password authentication failed for user "pod"', True, "user and password"),
        ("28000", "no pg_hba.conf entry for host", True, "pg_hba.conf"),
        ("3D000", 'database "show" does not exist', True, "database's name"),
        ("42501", 'permission denied for database "show"', True, "grant connect on database"),
        ("42704", 'unrecognized configuration parameter "x"', True, "parameters of DATABASE_URL"),
        ("08P01", "unsupported startup parameter: options", True, "ignore_startup_parameters"),
        ("08P01", "SSL required", True, "sslmode in DATABASE_URL"),
        ("42601", "invalid command-line argument for server process: endpoint=x", True, "parameters of DATABASE_URL"),
        ("22023", 'invalid value for parameter "x"', True, "parameters of DATABASE_URL"),
        ("42501", 'permission denied to set parameter "session_replication_role"', True, "`alter role … reset …`"),
        ("08P01", "pgbouncer cannot connect to server", False, ""),
        ("08P01", "query_wait_timeout", False, ""),
        ("57P03", "the database system is starting up", False, ""),
        ("53300", "too many connections", False, ""),
        ("55000", 'database "show" is not currently accepting connections', False, ""),
        ("XX000", "something new", False, ""),
    ],
)
async def test_a_refusal_is_told_in_the_servers_words_and_what_can_never_work_is_told_from_an_outage(
    sqlstate: str, words: str, todo: str, *, is_final: bool
) -> None:
    pooler = Pooler(sqlstate, f"{words} hunter2")
    async with pooler.listening() as url:
        with pytest.raises(StoreUnavailableError) as refused:
            await connect(url)
    said = str(refused.value)
    assert isinstance(refused.value, StoreMisconfiguredError) == is_final
    assert f"pod@127.0.0.1:{pooler.port}/show" in said
    assert words in said
    assert todo in said
    assert "hunter2" not in said
    with pytest.raises(StoreUnavailableError, match="the database is away: pod@127"):
        await Connections(url).run(_itself, seconds=60)


async def test_where_nobody_listens_or_answers_is_an_outage() -> None:
    port = free_port()
    with pytest.raises(StoreUnavailableError, match=rf"u@127.0.0.1:{port}/d does not answer \(connection refused\)"):
        await connect(f"postgresql://u@127.0.0.1:{port}/d")
    with pytest.raises(StoreUnavailableError, match="a local socket/d does not answer"):
        await connect("postgresql://u@/d?host=/nowhere")
    with hanging() as silent, pytest.raises(StoreUnavailableError, match="does not answer in time"):
        await connect(f"postgresql://u@127.0.0.1:{silent}/d", seconds=0.2)
    with pytest.raises(StoreUnavailableError, match=r"is not known .* must be percent-encoded") as unknown:
        await connect("postgresql://u@receiver.invalid/d")
    assert not isinstance(unknown.value, StoreMisconfiguredError)


@pytest.mark.parametrize(
    ("first", "second", "is_final"),
    [
        (("08P01", "no such database: show"), ("08P01", "SSL required"), True),
        (("28000", "no pg_hba.conf entry, SSL encryption"), ("28000", "no pg_hba.conf entry, no encryption"), True),
        (("53300", "too many connections"), ("28000", "no pg_hba.conf entry, no encryption"), False),
    ],
)
async def test_both_tries_are_told_where_tls_may_be_left_out(
    first: tuple[str, str], second: tuple[str, str], certificate: Path, *, is_final: bool
) -> None:
    async with Pooler(*first, certificate=certificate, without=second).listening() as url:
        with pytest.raises(StoreUnavailableError) as refused:
            await connect(url)
    assert re.match(f"with TLS: .*{first[1]}.*; without: .*{second[1]}", str(refused.value))
    assert isinstance(refused.value, StoreMisconfiguredError) == is_final


async def test_what_speaks_no_postgresql_is_said_so() -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(
            StoreMisconfiguredError, match=rf"the server at u@127.0.0.1:{port}/d is not a PostgreSQL server"
        ):
            await connect(f"postgresql://u@127.0.0.1:{port}/d")


async def test_what_is_left_out_of_safety_and_of_a_password_is_said_in_one_line_each(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "pgpass"
    file.write_text("*:*:*:*:hunter2\n")
    file.chmod(0o644)
    async with Pooler("XX000", "no").listening() as url:
        for _ in range(2):
            with pytest.raises(StoreUnavailableError, match="accepts no connection now: no"):
                await connect(f"{url.replace(':hunter2', '')}?channel_binding=require&passfile={file}")
    said = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert said == [
        "channel_binding=require asks for a protection that we do not offer; use sslmode=verify-full",
        f"no password was found: {file} is ignored, because other users have rights on it: run chmod 600 on it",
    ]


async def test_a_service_is_connected_to(receiver_database: str, tmp_path: Path) -> None:
    file = tmp_path / "services"
    parts = urlsplit(receiver_database)
    file.write_text(f"[mine]\nhost={parse_qs(parts.query)['host'][0]}\nuser=receiver\ndbname={parts.path[1:]}\n")
    async with connected(f"postgresql:///?service=mine&servicefile={file}") as connection:
        assert await connection.fetchval("select current_database()") == parts.path[1:]


async def test_a_server_without_tls_is_said_so_where_it_is_asked_for() -> None:
    async with Pooler("XX000", "no").listening() as url:
        with pytest.raises(StoreMisconfiguredError, match="does not support TLS, but sslmode=require requires it"):
            await connect(f"{url}?sslmode=require&channel_binding=require")


@pytest.mark.parametrize(
    ("query", "variable", "said"),
    [
        ("sslmode=verify-full&sslrootcert={gone}", "", "DATABASE_URL: sslrootcert: {gone} cannot be read"),
        ("sslmode=require&sslcert={gone}", "", "DATABASE_URL: sslcert: {gone} cannot be read"),
        ("sslmode=verify-full", "PGSSLROOTCERT", "PGSSLROOTCERT: {gone} cannot be read"),
        ("sslrootcert=system", "SSL_CERT_FILE", "SSL_CERT_FILE: {gone} cannot be read"),
        ("sslmode=require", "SSLKEYLOGFILE", "SSLKEYLOGFILE: {gone} cannot be written"),
        ("sslmode=verify-full", "", r"root certificate file .* does not exist"),
        (
            "sslmode=verify-ca&sslrootcert={garbage}",
            "",
            "DATABASE_URL: sslrootcert: {garbage} does not contain a certificate",
        ),
        ("sslmode=verify-ca&sslrootcert={folder}", "", "DATABASE_URL: sslrootcert: {folder} cannot be read"),
        (
            "sslmode=require&sslcert={garbage}",
            "",
            "DATABASE_URL: sslcert: {garbage} does not contain a certificate with its key",
        ),
        (
            "sslcert={garbage}&sslkey={garbage}",
            "",
            "sslcert: {garbage} does not contain a certificate that fits the key in {garbage}",
        ),
        ("ssl_min_protocol_version=x", "", "DATABASE_URL: ssl_min_protocol_version: must be"),
    ],
)
async def test_a_file_of_tls_that_is_not_there_is_named(
    query: str, variable: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = {"gone": tmp_path / "gone" / "file", "garbage": tmp_path / "garbage", "folder": tmp_path}
    places["garbage"].write_text("garbage")
    monkeypatch.setenv("HOME", str(tmp_path))
    if variable:
        monkeypatch.setenv(variable, str(places["gone"]))
    async with Pooler("XX000", "no").listening() as url:
        with pytest.raises(StoreMisconfiguredError, match=said.format(**places)):
            await connect(f"{url}?{query.format(**places)}")


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("PGSSLMINPROTOCOLVERSION", "nonsense", "PGSSLMINPROTOCOLVERSION: must be TLSv1.2 or TLSv1.3"),
        ("SSLKEYLOGFILE", "/proc/x", "SSLKEYLOGFILE: /proc/x cannot be written"),
        ("SSLKEYLOGFILE", "/", "SSLKEYLOGFILE: / cannot be written"),
        ("PGSSLCERT", "{garbage}", "PGSSLCERT: {garbage} does not contain a certificate with its key"),
        ("HOME", "{home}", "sslcert: {home}/.postgresql/postgresql.crt does not contain a certificate with its key"),
    ],
)
async def test_a_variable_of_tls_that_cannot_be_used_is_named(
    variable: str, value: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = {"garbage": tmp_path / "garbage", "home": tmp_path / "home"}
    (places["home"] / ".postgresql").mkdir(parents=True)
    for path in (places["garbage"], places["home"] / ".postgresql" / "postgresql.crt"):
        path.write_text("garbage")
    monkeypatch.setenv(variable, value.format(**places))
    async with Pooler("XX000", "no").listening() as url:
        with pytest.raises(StoreMisconfiguredError, match=said.format(**places)):
            await connect(url)


async def test_want_of_descriptors_is_an_outage_also_where_files_of_tls_are_asked_for(certificate: Path) -> None:
    sessions = Sessions(f"postgresql://u@127.0.0.1:9/d?sslmode=verify-full&sslrootcert={certificate}")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    os.close(free := os.dup(0))  # the lowest that is free
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        with pytest.raises(StoreUnavailableError, match="raise `ulimit -n`") as refusal:
            await sessions.open()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert refusal.value.no_room
    assert not isinstance(refusal.value, StoreMisconfiguredError)


async def test_want_of_a_thread_to_look_a_name_up_is_an_outage() -> None:
    threads = ThreadPoolExecutor(1)
    threads.shutdown()
    asyncio.get_running_loop().set_default_executor(threads)
    with pytest.raises(StoreUnavailableError, match=r"u@a\.test:5432/d cannot be connected to now: ") as refusal:
        await connect("postgresql://u@a.test/d")
    assert refusal.value.no_room
    assert not isinstance(refusal.value, StoreMisconfiguredError)


async def test_a_home_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/" + "x" * 300)
    async with Pooler("XX000", "no").listening() as url:
        with pytest.raises(StoreMisconfiguredError, match=r"HOME: /x+/.postgresql cannot be read .*: set HOME to"):
            await connect(url)
        with pytest.raises(StoreUnavailableError, match="accepts no connection now: no"):
            await connect(f"{url}?sslmode=disable")


async def test_no_variable_for_a_server_far_away_touches_a_local_one(
    receiver_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = {
        "PGSSLMODE": "verify-full", "PGTARGETSESSIONATTRS": "read-only", "PGSSLNEGOTIATION": "direct",
        "PGGSSLIB": "nonsense", "PGHOST": "far.invalid", "PGPORT": "x", "PGUSER": "x", "PGDATABASE": "x",
        "PGSSLROOTCERT": "/gone", "PGHOSTADDR": "10.0.0.1",
        "PGOPTIONS": "-c nonsense=x", "PGSERVICE": "gone",
        "PGSSLMINPROTOCOLVERSION": "x", "SSL_CERT_FILE": "/gone", "SSLKEYLOGFILE": "/gone/x",
    }  # fmt: skip
    with monkeypatch.context() as environment:
        for name, value in far.items():
            environment.setenv(name, value)
        async with connected(receiver_database) as connection:
            assert await connection.fetchval("select 1") == 1


async def test_a_user_without_a_name_is_asked_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.setattr(getpass, "getuser", nobody)
    with pytest.raises(ConfigError, match="postgresql://USER@"):
        await connect("postgresql://h/d")
