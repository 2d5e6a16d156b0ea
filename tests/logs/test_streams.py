"""`receiver.logs.streams`: log lines never fail and never wait; data that cannot be written fails."""

import fcntl
import io
import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from receiver.logs import streams
from receiver.logs.streams import Data, Outlet, OutputError
from tests.processes import REPOSITORY, WAIT_SECONDS, until

AWAY = 0.01
IMPORT = "from receiver.logs import streams"


def fill(writer: int) -> None:
    """Fill a pipe to its last byte, so that the next write waits."""
    os.set_blocking(writer, False)
    for size in (4096, 1):
        try:
            while True:
                os.write(writer, b"#" * size)
        except BlockingIOError:
            pass
    os.set_blocking(writer, True)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    for descriptor in (reader, writer):
        os.close(descriptor)


def read(reader: int, ending: bytes) -> bytes:
    """Read until there is such an end."""
    found = b""
    while not found.endswith(ending):
        found += os.read(reader, 65536)
    return found


def python(code: str, *, redirections: str = "", **environment: str) -> "subprocess.CompletedProcess[bytes]":
    """Run code with a shell's redirections."""
    return subprocess.run(
        ["bash", "-c", f'exec "$0" -c "$1" {redirections}', sys.executable, f"{IMPORT}\n{code}"],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)} | environment,
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip


# --- telling ---------------------------------------------------------------------------------------------------------


def test_lines_arrive_in_order(pipe: tuple[int, int]) -> None:
    outlet = Outlet(pipe[1])
    lines = [b"%d\n" % number for number in range(1000)]
    for line in lines:
        outlet.write(line)
    assert read(pipe[0], b"999\n") == b"".join(lines)


def test_what_was_flushed_is_written(pipe: tuple[int, int]) -> None:
    outlet = Outlet(pipe[1], patience=60)
    outlet.write(b"a\n")
    outlet.flush()
    os.set_blocking(pipe[0], False)
    assert os.read(pipe[0], 10) == b"a\n"


def test_who_does_not_read_keeps_nobody_waiting_and_hears_how_much_he_has_missed(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    outlet = Outlet(writer, limit=1000, patience=AWAY)
    fill(writer)
    for number in range(1000):
        outlet.write(b"%09d\n" % number)
    outlet.flush()
    outlet.flush()
    told = read(reader, b"could not be written here\n").lstrip(b"#")
    assert told == b"".join(b"%09d\n" % number for number in range(100)) + b"900 lines could not be written here\n"


def test_what_is_in_the_way_is_known_while_it_is(pipe: tuple[int, int], tmp_path: Path) -> None:
    reader, writer = pipe
    fill(writer)
    outlet = Outlet(writer, patience=AWAY)
    assert outlet.trouble() is None
    outlet.write(b"a line\n")
    until(lambda: outlet.trouble() == "no program reads it", "that nobody reads is known")
    read(reader, b"a line\n")
    until(lambda: outlet.trouble() is None, "it is over")
    with Path("/dev/full").open("wb", buffering=0) as full, (tmp_path / "log").open("wb") as log:
        outlet = Outlet(full.fileno())
        outlet.write(b"lost\n")
        until(lambda: outlet.trouble() == "1 lines could not be written", "what was lost is known")
        assert outlet.trouble() == "1 lines could not be written"  # the second try fails too
        os.dup2(log.fileno(), full.fileno())
        until(lambda: outlet.trouble() is None, "it was said")
    assert (tmp_path / "log").read_text() == "1 lines could not be written here\n"


def test_a_flush_in_vain_is_not_repeated_until_something_was_written(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    outlet = Outlet(writer, patience=60)
    fill(writer)
    outlet.write(b"a\n")
    outlet._stuck = True  # noqa: SLF001 - as after 60 s
    outlet.flush()
    read(reader, b"a\n")
    until(lambda: not outlet._stuck, "it knows that somebody reads")  # noqa: SLF001
    outlet.write(b"b\n")
    outlet.flush()
    os.set_blocking(reader, False)
    assert os.read(reader, 10) == b"b\n"


@pytest.mark.parametrize("kind", ["full", "gone", "closed"])
def test_what_cannot_be_written_is_dropped_and_counted(kind: str, tmp_path: Path) -> None:
    bad, gone = os.pipe()
    os.close(bad)
    descriptor = os.dup(gone) if kind == "gone" else os.open("/dev/full", os.O_WRONLY)
    os.close(gone)
    with (tmp_path / "log").open("wb") as log:
        if kind == "closed":
            os.close(descriptor)
        outlet = Outlet(descriptor, patience=60)
        outlet.write(b"a\n")
        outlet.write(b"b\n")
        outlet.flush()
        os.dup2(log.fileno(), descriptor)
        outlet.write(b"c\n")
        outlet.flush()
    os.close(descriptor)
    assert (tmp_path / "log").read_bytes() == b"2 lines could not be written here\nc\n"


def test_after_a_torn_line_the_next_one_begins_on_its_own(tmp_path: Path) -> None:
    log = tmp_path / "log"
    ran = python(
        "import resource, sys\n"
        "outlet = streams.Outlet(1, patience=60)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (6, resource.RLIM_INFINITY))\n"
        "outlet.write(b'a long line\\n'), outlet.flush()\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)\n"
        "outlet.write(b'b\\n')\n",
        redirections=f"> {log}",
    )
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert log.read_bytes() == b"a long\n1 lines could not be written here\nb\n"


def test_a_pipe_that_others_have_made_non_blocking_loses_nothing(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    os.set_blocking(writer, False)
    outlet = Outlet(writer)
    line = b"x" * 999 + b"\n"
    for _ in range(500):
        outlet.write(line)
    outlet.write(b"end\n")
    assert read(reader, b"end\n") == line * 500 + b"end\n"


def test_where_no_thread_can_be_had_a_line_is_written_all_the_same(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    outlet = Outlet(pipe[1])
    with monkeypatch.context() as limited:
        limited.setattr(threading.Thread, "start", start)
        outlet.write(b"a\n")
    outlet.write(b"b\n")
    assert read(pipe[0], b"b\n") == b"a\nb\n"


def test_what_is_printed_where_things_are_told_is_there_at_once_in_whole_lines(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    with os.fdopen(writer, "w", closefd=False) as out, Path("/dev/full").open("w") as full:
        told, lost = streams.telling(out), streams.telling(full)
        assert streams.telling(told) is told
        print("a", "b", file=told)
        assert read(reader, b"b\n") == b"a b\n"
        print("a", "b", file=lost, flush=True)
        until(lambda: streams.trouble(lost) is not None, "it is lost")
        assert streams.trouble(lost) == "1 lines could not be written"


def test_last_words_wait_for_nobody(pipe: tuple[int, int]) -> None:
    assert streams.write_now(pipe[1], b"killed\n")
    fill(pipe[1])
    assert not streams.write_now(pipe[1], b"killed\n")


# --- data ------------------------------------------------------------------------------------------------------------


def test_data_that_cannot_be_written_raises_once() -> None:
    """It does not raise again at the end of the process, where nothing could catch it."""
    with Path("/dev/full").open("wb") as full:
        out = io.BufferedWriter(Data(full.fileno()))
        out.write(b"x")
        with pytest.raises(OutputError) as raised:
            out.flush()
        assert raised.value.strerror == "No space left on device"
        out.flush()
        out.close()


def test_a_reader_that_has_gone_is_no_failure() -> None:
    gone, writer = os.pipe()
    os.close(gone)
    out = io.BufferedWriter(Data(writer))
    for _ in range(2):
        out.write(b"x")
        out.flush()
    os.close(writer)


def test_data_waits_for_its_reader(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    os.set_blocking(writer, False)
    size = 4 * fcntl.fcntl(writer, fcntl.F_GETPIPE_SZ)
    out = io.BufferedWriter(Data(writer))
    found: list[bytes] = []
    reading = threading.Thread(target=lambda: found.append(read(reader, b"end")))
    reading.start()
    out.write(b"x" * size + b"end")
    out.flush()
    reading.join()
    assert len(found[0]) == size + 3


def test_data_that_an_interrupt_has_cut_is_not_waited_for_again(pipe: tuple[int, int]) -> None:
    """The end of the process does not wait either: Ctrl-C does not work there any more."""
    fill(pipe[1])
    out = io.BufferedWriter(Data(pipe[1]))
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        out.write(b"x")
        signal.setitimer(signal.ITIMER_REAL, AWAY, AWAY)
        with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - the alarm may come before it waits
            while True:
                out.flush()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    flushing = threading.Thread(target=out.flush, daemon=True)
    flushing.start()
    flushing.join(WAIT_SECONDS)
    assert not flushing.is_alive()


# --- a process' own --------------------------------------------------------------------------------------------------

CLOSED = ("<&-", ">&-", "2>&-", "<&- >&-", "<&- 2>&-", ">&- 2>&-", "<&- >&- 2>&-")


@pytest.mark.parametrize("closed", CLOSED)
def test_what_is_opened_never_gets_the_number_of_a_closed_stream(closed: str, tmp_path: Path) -> None:
    found = tmp_path / "found"
    ran = python(
        "import os, subprocess, sys\n"
        "streams.prepare()\n"
        f"found = open({str(found)!r}, 'w')\n"
        "print('out'), print('err', file=sys.stderr), sys.stdin.read()\n"
        "child = subprocess.run([sys.executable, '-c', 'import os; [os.fstat(n) for n in (0, 1, 2)]'])\n"
        "found.write(f'{found.fileno() > 2} {child.returncode}')\n",
        redirections=closed if "<" in closed else f"{closed} < /dev/null",
    )
    assert found.read_text() == "True 0"
    assert (ran.returncode, ran.stdout) == (0, b"out\n" if " >" not in f" {closed}" else b"")


SAID = "print('\\u201cé\\udce9'); import sys; print('\\u201c', file=sys.stderr)"


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "utf-8"])
def test_files_and_pipes_get_utf_8_whatever_the_locale_says(encoding: str) -> None:
    ran = python(f"streams.prepare()\n{SAID}", PYTHONIOENCODING=encoding)
    assert (ran.returncode, ran.stdout) == (0, "“é\\udce9\n".encode())
    assert ran.stderr == "“\n".encode()


def test_a_terminal_gets_what_it_can_show() -> None:
    ours, theirs = pty.openpty()
    ran = subprocess.run(
        [sys.executable, "-c", f"{IMPORT}\nstreams.prepare()\n{SAID}"],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY), "PYTHONIOENCODING": "latin-1"},
        stdin=subprocess.DEVNULL, stdout=theirs, stderr=subprocess.PIPE, timeout=60, check=False,
    )  # fmt: skip
    os.close(theirs)
    assert (ran.returncode, os.read(ours, 100)) == (0, b"?\xe9?\r\n")
    os.close(ours)


TELL = f"{IMPORT}\nimport sys\nstreams.prepare()\nprint('last', file=sys.stderr, flush=True)"
DIE = "from receiver.failpoints import *\narm(parse('after-verify'))\nreach(Failpoint.AFTER_VERIFY)"


@pytest.mark.parametrize("last", ["streams.end(3)", "sys.exit(3)", "import os, signal; os.kill(os.getpid(), 9)"])
def test_an_end_waits_for_what_was_told_but_for_no_reader(last: str, pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    fill(writer)
    process = subprocess.Popen(
        [sys.executable, "-c", f"{TELL}\n{last}"], env=os.environ | {"PYTHONPATH": str(REPOSITORY)}, stderr=writer
    )
    assert process.wait(60) == (3 if "3" in last else -9)
    os.set_blocking(reader, False)
    assert set(os.read(reader, 10**6)) == {ord("#")}
    assert python(f"{TELL}\n{last}").stderr == b"last\n"


def test_a_failpoint_kills_also_where_nobody_reads(pipe: tuple[int, int]) -> None:
    fill(pipe[1])
    process = subprocess.Popen(
        [sys.executable, "-c", DIE], env=os.environ | {"PYTHONPATH": str(REPOSITORY)}, stderr=pipe[1]
    )
    until(lambda: process.poll() is not None, "it is dead")
    assert process.returncode == -9
