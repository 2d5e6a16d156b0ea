"""`database.connections`: answers in time whatever the server does, commits on disk, listening that comes back."""

import asyncio
import errno
import os
import resource
import signal
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from urllib.parse import quote, urlsplit

import asyncpg
import pytest
import pytest_asyncio

from receiver import database
from receiver.database import Connection, Connections, outages, query
from receiver.database.session import SQL
from receiver.errors import ConfigError, ImpossibleError, StoreBusyError, StoreRefusedError, StoreUnavailableError
from receiver.testing import Server
from tests.processes import free_port

END_OTHERS = (
    "select count(pg_terminate_backend(pid, 5000)) from pg_stat_activity "
    "where datname = current_database() and pid <> pg_backend_pid()"
)


async def backend(connection: Connection) -> int:
    pid: int = await connection.fetchval(query("health/backend_pid"))
    return pid


async def end_others(url: str) -> None:
    """End every connection to the database of `url` but our own."""
    admin = await asyncpg.connect(url)
    try:
        await admin.fetchval(END_OTHERS)
    finally:
        await admin.close()


@pytest_asyncio.fixture
async def answers(receiver_database: str) -> AsyncIterator[Connections]:
    connections = Connections(receiver_database, size=3)
    yield connections
    connections.close()


async def test_work_returns_and_its_connection_is_used_again(answers: Connections) -> None:
    first = await answers.run(backend, seconds=10)
    assert await answers.run(backend, seconds=10) == first
    answers.close()
    assert await answers.run(backend, seconds=10) != first


async def test_a_connection_that_ended_while_idle_costs_one_more_try(
    answers: Connections, receiver_database: str
) -> None:
    before = await answers.run(backend, seconds=10)
    await end_others(receiver_database)
    calls = []

    async def work(connection: Connection) -> int:
        calls.append(connection)
        return await backend(connection)

    assert await answers.run(work, seconds=10) != before
    assert len(calls) == 2
    assert calls[0].is_closed()


async def test_a_statement_that_is_cancelled_with_all_others_is_no_error(answers: Connections) -> None:
    """As at the end of a loop, where Ctrl-C came while somebody waited."""
    told, under_way = list[object](), asyncio.Event()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))

    async def work(_: Connection) -> None:
        under_way.set()
        await asyncio.Event().wait()

    running = asyncio.create_task(answers.run(work, seconds=60))
    await under_way.wait()
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    await asyncio.sleep(0)
    assert running.cancelled()
    assert told == []


@pytest.mark.parametrize(("error", "said"), [
    (ConnectionResetError(104, "x"), "the database is away: connection reset by peer"),
    (TimeoutError(), "the database is away: no answer in time"),
    (asyncpg.ConnectionDoesNotExistError("it was closed"), "the database is away: it was closed"),
    (asyncpg.InterfaceError("it is closed"), "the database is away: it is closed"),
    (asyncpg.UniqueViolationError("it is there\nsomebody's row"), "the database refuses it: it is there"),
    (EOFError(), "the database is away: EOFError"),
])  # fmt: skip
def test_what_work_met_is_told_in_the_servers_or_the_systems_words(error: BaseException, said: str) -> None:
    assert str(outages.of_work(error)) == said


@pytest.mark.parametrize(("error", "said"), [
    (ImpossibleError("no"), "no"),
    (asyncpg.DiskFullError("no space"), "the database is away: no space"),
    (asyncpg.InterfaceError("is closed"), "the database is away: is closed"),
    (ConnectionResetError(errno.ECONNRESET, "x"), "the database is away: connection reset by peer"),
    (TimeoutError(), "the database is away: no answer in time"),
    (OSError(errno.EACCES, "Permission denied", "notes"), "[Errno 13] Permission denied: 'notes'"),
    (ZeroDivisionError("a bug"), None),
])  # fmt: skip
def test_an_error_of_any_work_is_told_unless_it_is_a_bug(error: Exception, said: str | None) -> None:
    meant = outages.for_people(error)
    assert (None if meant is None else str(meant)) == said


async def failing(connection: Connection, sqlstate: str) -> None:
    await connection.execute(f"do $$ begin raise exception 'no' using errcode = '{sqlstate}'; end $$")


@pytest.mark.parametrize(
    ("sqlstate", "tries"),
    [
        ("57P01", 2),  # the server shuts down
        ("08006", 2),  # the connection failed
        ("25P03", 2),  # it was silent in a transaction, or we were
        ("53100", 1),  # the disk is full
        ("53300", 1),  # too many connections
        ("58030", 1),  # the disk does not answer
        ("25006", 1),  # a standby, which only reads
        ("28P01", 1),  # the password was changed
        ("3D000", 1),  # the database is being replaced
    ],
)
async def test_away_is_said_of_connections_and_servers(answers: Connections, sqlstate: str, tries: int) -> None:
    """Work that breaks the connection is tried twice, because only the connection might be at fault."""
    calls = []

    async def work(connection: Connection) -> None:
        calls.append(connection)
        await failing(connection, sqlstate)

    with pytest.raises(StoreUnavailableError, match="the database is away") as away:
        await answers.run(work, seconds=60)
    assert not isinstance(away.value, StoreRefusedError)
    assert len(calls) == tries
    assert all(connection.is_closed() for connection in calls)
    assert await answers.run(backend, seconds=60)


@pytest.mark.parametrize(
    ("sqlstate", "passing", "tries"),
    [
        ("40001", True, 6),  # another transaction was in the way
        ("40P01", True, 6),  # a deadlock
        ("55P03", True, 1),  # someone has locked the row
        ("57014", True, 1),  # the statement took too long
        ("22P05", False, 1),  # a character that the database cannot keep
        ("23514", False, 1),  # a constraint of a person's
        ("54000", False, 1),  # an index of a person's
        ("P0001", False, 1),  # a trigger of a person's
        ("42501", False, 1),  # a right that is missing
        ("42P01", False, 1),  # a table that is missing
        ("44000", False, 1),
        ("55000", False, 1),  # can mean anything
        ("XX001", False, 1),  # a page is broken
    ],
)
async def test_what_else_a_statement_meets_is_its_own_and_keeps_the_connection(
    answers: Connections, sqlstate: str, tries: int, *, passing: bool
) -> None:
    before = await answers.run(backend, seconds=60)
    calls = []

    async def work(connection: Connection) -> None:
        calls.append(connection)
        await failing(connection, sqlstate)

    with pytest.raises(StoreRefusedError) as refused:
        await answers.run(work, seconds=60)
    assert refused.value.passing == passing
    assert len(calls) == tries
    assert await answers.run(backend, seconds=60) == before


async def test_what_a_recovering_server_cannot_do_is_an_outage() -> None:
    words = "recovery is in progress"
    assert type(outages.of_work(asyncpg.ObjectNotInPrerequisiteStateError(words))) is StoreUnavailableError


async def test_a_conflict_that_passes_costs_its_caller_nothing(answers: Connections) -> None:
    conflicts = ["40001", "40P01", "40001"]

    async def work(connection: Connection) -> int:
        if conflicts:
            await failing(connection, conflicts.pop())
        return await backend(connection)

    assert await answers.run(work, seconds=60)


async def test_work_that_leaves_a_transaction_open_takes_its_connection_along(answers: Connections) -> None:
    async def work(connection: Connection) -> None:
        await connection.execute("begin")
        await failing(connection, "22012")

    before = await answers.run(backend, seconds=60)
    with pytest.raises(StoreRefusedError):
        await answers.run(work, seconds=60)
    assert await answers.run(backend, seconds=60) != before


@asynccontextmanager
async def no_connections(url: str) -> AsyncIterator[str]:
    """Create a role with a limit of two connections."""
    admin = await asyncpg.connect(url)
    await admin.execute("create role few login connection limit 2")
    try:
        yield url.replace("receiver@", "few@")
    finally:
        await admin.execute("drop role few")
        await admin.close()


@asynccontextmanager
async def no_descriptors(url: str) -> AsyncIterator[str]:
    """Let this process open two connections and nothing else."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)  # the lowest that is free
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free + 2, hard))
    try:
        yield url
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("scarcity", [no_connections, no_descriptors])
async def test_without_room_for_another_connection_those_that_are_open_do_the_work(
    receiver_database: str, scarcity: Callable[[str], AbstractAsyncContextManager[str]]
) -> None:
    async with scarcity(receiver_database) as url:
        answers = Connections(url, size=8)
        pids = await asyncio.gather(*(answers.run(slow_backend, seconds=60) for _ in range(40)))
        assert len(set(pids)) <= 3
        answers.close()


async def test_a_connection_that_came_free_while_another_one_was_refused_does_the_work(receiver_database: str) -> None:
    async with no_connections(receiver_database) as url:
        answers = Connections(url, size=8)
        for _ in range(20):
            await asyncio.gather(*(answers.run(backend, seconds=60) for _ in range(8)))
        answers.close()


async def slow_backend(connection: Connection) -> int:
    await connection.fetchval("select pg_sleep(0.01)")
    return await backend(connection)


async def test_without_room_for_any_connection_the_database_is_away(receiver_database: str) -> None:
    async with no_connections(receiver_database) as url:
        held = [await asyncpg.connect(url) for _ in range(2)]
        answers = Connections(url)
        with pytest.raises(StoreUnavailableError, match="too many connections"):
            await answers.run(backend, seconds=60)
        for connection in held:
            await connection.close()


async def stop_server_process(connection: Connection, stopped: list[int]) -> None:
    pid = await backend(connection)
    os.kill(pid, signal.SIGSTOP)
    stopped.append(pid)
    await connection.fetchval("select 1")


async def stop_server_process_in_a_transaction(connection: Connection, stopped: list[int]) -> None:
    async with connection.transaction():  # it rolls back at its end
        await stop_server_process(connection, stopped)


async def sleep_long(connection: Connection, _: list[int]) -> None:
    await connection.fetchval("select pg_sleep(30)")


@pytest.mark.parametrize("hang", [sleep_long, stop_server_process, stop_server_process_in_a_transaction])
async def test_a_server_that_hangs_holds_nobody_past_the_deadline(
    answers: Connections, hang: Callable[[Connection, list[int]], Awaitable[None]]
) -> None:
    """A stopped server process answers neither the statement nor a request to cancel it."""
    stopped: list[int] = []
    used: list[Connection] = []
    met = asyncio.Barrier(3)
    # The deadline is for what hangs: all connections are there before it begins.
    await asyncio.gather(*(answers.run(lambda _: met.wait(), seconds=60) for _ in range(3)))

    async def work(connection: Connection) -> None:
        used.append(connection)
        await hang(connection, stopped)

    try:
        async with asyncio.timeout(25):
            runs = [answers.run(work, seconds=0.3) for _ in range(3)]
            outcomes = await asyncio.gather(*runs, return_exceptions=True)
            assert [type(outcome) for outcome in outcomes] == [StoreUnavailableError] * 3
            await answers.run(backend, seconds=20)
        assert len(used) == 3
        assert all(connection.is_closed() for connection in used)
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)


async def test_a_caller_who_goes_away_takes_the_connection_along(receiver_database: str) -> None:
    answers = Connections(receiver_database, size=1)
    used: list[Connection] = []
    begun = asyncio.Event()

    async def work(connection: Connection) -> None:
        used.append(connection)
        begun.set()
        await connection.fetchval("select pg_sleep(30)")

    caller = asyncio.create_task(answers.run(work, seconds=30))
    async with asyncio.timeout(25):
        await begun.wait()
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        await answers.run(backend, seconds=20)  # the only place is free again
    assert used[0].is_closed()
    answers.close()


async def test_a_server_that_is_not_there_is_said_so(receiver_database: str) -> None:
    unknown = urlsplit(receiver_database)._replace(path="/no_such_database").geturl()
    for url in ("postgresql://u@/x?host=/nonexistent", f"postgresql://u@127.0.0.1:{free_port()}/x", unknown):
        with pytest.raises(StoreUnavailableError):
            await Connections(url).run(backend, seconds=10)


async def test_a_database_that_takes_no_connections_is_away(receiver_server: Server, receiver_database: str) -> None:
    """An operator does this before a restore or a rename."""
    name = urlsplit(receiver_database).path[1:]
    admin = await asyncpg.connect(receiver_server.url)
    await admin.execute(f'alter database "{name}" allow_connections false')
    try:
        with pytest.raises(StoreUnavailableError):
            await Connections(receiver_database).run(backend, seconds=10)
    finally:
        await admin.execute(f'alter database "{name}" allow_connections true')
        await admin.close()


@pytest.mark.parametrize("held", [0.6, 30])
async def test_whoever_finds_others_on_our_connections_says_nothing_of_the_server(
    receiver_database: str, held: float
) -> None:
    """Also if a connection comes free too late for an answer."""
    answers = Connections(receiver_database, size=1)
    begun = asyncio.Event()

    async def hold(connection: Connection) -> int:
        pid = await backend(connection)
        begun.set()
        await connection.fetchval("select pg_sleep($1)", held)
        return pid

    holding = asyncio.create_task(answers.run(hold, seconds=60))
    await asyncio.wait_for(begun.wait(), 60)
    with pytest.raises(StoreBusyError, match="no database connection was free within 1 s"):
        await answers.run(lambda connection: sleep_long(connection, []), seconds=1)
    if held < 1:
        assert await holding
    holding.cancel()
    answers.close()


async def test_size_is_a_bound_on_connections(answers: Connections, db: database.Pool, receiver_database: str) -> None:
    size, inside, most = 3, 0, 0
    full, go_on = asyncio.Event(), asyncio.Event()

    async def work(connection: Connection) -> int:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        if inside == size:
            full.set()
        await go_on.wait()
        pid = await backend(connection)
        inside -= 1
        return pid

    async with asyncio.timeout(20):
        runs = [asyncio.create_task(answers.run(work, seconds=20)) for _ in range(3 * size)]
        await full.wait()
        for _ in range(20):
            open_now = await db.fetchval(
                "select count(*) from pg_stat_activity"
                " where datname = $1 and pid <> pg_backend_pid() and backend_type = 'client backend'",
                urlsplit(receiver_database).path[1:],
            )
            assert open_now == size
        go_on.set()
        pids = await asyncio.gather(*runs)
    assert most == size
    assert len(pids) == 3 * size
    assert len(set(pids)) <= size


@asynccontextmanager
async def _connected(url: str) -> Any:
    connection = await database.connect(url)
    yield connection
    await connection.close()


@asynccontextmanager
async def _pooled(url: str) -> Any:
    async with database.pool(url, size=1) as pool:
        yield pool


@pytest.mark.parametrize("option", ["", "&synchronous_commit=off", f"&options={quote('-c synchronous_commit=off')}"])
async def test_commits_are_on_disk_whatever_the_default_of_the_server_or_the_url(
    receiver_database: str, option: str
) -> None:
    url, show = receiver_database + option, "show synchronous_commit"
    name = urlsplit(url).path[1:]
    admin = await asyncpg.connect(receiver_database)
    await admin.execute(f'alter database "{name}" set synchronous_commit = off')
    await admin.close()
    other = await asyncpg.connect(url)
    assert await other.fetchval(show) == "off"
    await other.close()
    for opened in (_connected, _pooled):
        async with opened(url) as db:
            assert await db.fetchval(show) == "on"
    answers = Connections(url)
    assert await answers.run(lambda connection: connection.fetchval(show), seconds=10) == "on"
    answers.close()


async def test_a_pool_comes_back_after_its_connections_ended(db: database.Pool, receiver_database: str) -> None:
    await asyncio.gather(*(db.fetchval("select pg_sleep(0.05)") for _ in range(5)))
    await end_others(receiver_database)
    assert await asyncio.gather(*(db.fetchval("select 1") for _ in range(10))) == [1] * 10


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:hunter2@h:port/x", "postgresql://me:hunter2@127.0.0.1:70000/x", "mysql://me:hunter2@h/x",
        "postgresql://me:hunter2/@127.0.0.1:1/x", "postgresql://me:hunter2#@127.0.0.1:1/x",
        "postgresql://me:?hunter2@127.0.0.1:1/x",
        "postgresql:///x?port=hunter2", "postgresql://me@127.0.0.1:1/x?target_session_attrs=hunter2",
    ],
)  # fmt: skip
async def test_a_wrong_url_is_a_setting_that_is_wrong_and_is_not_shown(url: str) -> None:
    """Not in a traceback either: asyncpg's error shows parts of the URL, which can be parts of a password."""
    with pytest.raises(ConfigError, match="DATABASE_URL") as refused:
        await database.connect(url)
    assert "hunter2" not in "".join(traceback.format_exception(refused.value))


async def test_listening_hears_notifications_and_survives_the_loss_of_its_connection(
    db: database.Pool, receiver_database: str
) -> None:
    heard: asyncio.Queue[None] = asyncio.Queue()
    listening = asyncio.create_task(database.listen(receiver_database, "receiver_test", lambda: heard.put_nowait(None)))
    notify = "select pg_notify('receiver_test', '')"
    async with asyncio.timeout(20):
        await heard.get()  # it is connected
        await db.execute("select pg_notify('receiver_other', '')")
        await db.execute(notify)
        await heard.get()
        assert heard.empty()
        await end_others(receiver_database)
        await heard.get()  # the connection is back: notifications sent meanwhile are lost
        await db.execute(notify)
        await heard.get()
    listening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listening


def test_a_query_is_the_text_of_its_file() -> None:
    assert query("inbox/nudge") == (SQL / "queries" / "inbox" / "nudge.sql").read_text()
    with pytest.raises(FileNotFoundError):
        query("no_such_statement")


@pytest.mark.parametrize(("idle_seconds", "used"), [(60, 1), (0, 3)], ids=["not yet", "long"])
async def test_a_connection_that_has_idled_long_is_not_used_again(
    receiver_database: str, idle_seconds: float, used: int
) -> None:
    """A NAT might have forgotten the connection, and then a delivery would wait in vain."""
    connections = Connections(receiver_database, size=1, idle_seconds=idle_seconds)
    pids = {await connections.run(lambda c: c.fetchval(query("health/backend_pid")), seconds=10) for _ in range(3)}
    assert len(pids) == used
    connections.close()


LEFT = {
    "a role": ("set role pg_monitor", "select current_user <> session_user"),
    "another user": ("set session authorization pg_monitor", "select session_user = 'pg_monitor'"),
    "both": ("set session authorization pg_monitor; set role pg_monitor", "select current_user = 'pg_monitor'"),
    "a table of its own": ("create temporary table mine ()", "select to_regclass('mine') is not null"),
    "a statement of its own": (
        'prepare "My" as select 1', "select exists (select from pg_prepared_statements where from_sql)",
    ),
    "a lock": (
        "select pg_advisory_lock(1)",
        "select exists (select from pg_locks where locktype = 'advisory' and pid = pg_backend_pid())",
    ),
    "an ear": ("listen somewhere", "select exists (select pg_listening_channels())"),
    "an open transaction": ("begin; create table mine ()", "select to_regclass('mine') is not null"),
    "a path": ("set search_path = receiver", "select current_setting('search_path') = 'receiver'"),
    "a time limit": (
        "set idle_in_transaction_session_timeout = 0",
        "select current_setting('idle_in_transaction_session_timeout') <> '1min'",
    ),
    "a cursor": ("declare c cursor with hold for select 1", "select exists (select from pg_cursors where name = 'c')"),
}  # fmt: skip


@pytest.mark.parametrize("what", LEFT)
async def test_who_gets_a_connection_finds_nothing_on_it_of_who_had_it_before(
    receiver_database: str, what: str
) -> None:
    leave, is_there = LEFT[what]
    async with database.pool(receiver_database, size=1) as pool:
        pids = set()
        for _ in range(3):
            async with pool.acquire() as before:
                assert not await before.fetchval(is_there)
                assert await before.fetchval("select count(*) from receiver.jobs") == 0
                await before.execute(leave)
                assert await before.fetchval(is_there)
                pids.add(before.get_server_pid())
    assert len(pids) == 1


CODECS: dict[str, tuple[Callable[[Connection], Awaitable[None]], str, object]] = {
    "a function": (
        lambda c: c.set_type_codec("jsonb", schema="pg_catalog", encoder=str, decoder=len),
        "select '{}'::jsonb", "{}",
    ),
    "another type's": (
        lambda c: c.set_builtin_type_codec("int4", schema="pg_catalog", codec_name="oid"), "select -1", -1,
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", CODECS)
async def test_who_gets_a_connection_reads_values_as_always(receiver_database: str, what: str) -> None:
    change, statement, value = CODECS[what]
    async with database.pool(receiver_database, size=1) as pool:
        async with pool.acquire() as before:
            await change(before)
            assert await before.fetchval(statement) != value
        for _ in range(3):
            assert await pool.fetchval(statement) == value


async def test_whoever_has_a_connection_acquires_no_other(receiver_database: str) -> None:
    async with database.pool(receiver_database, size=1) as pool:
        async with database.acquired(pool) as connection, database.acquired(connection) as same:
            assert same is connection
            assert pool.get_idle_size() == 0
        assert pool.get_idle_size() == 1
