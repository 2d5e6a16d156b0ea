"""The standard streams of a process: what is told through them neither fails nor delays what is done.

    told    stderr, and the stdout of what runs for long: an `Outlet`, which drops what nobody takes, and counts it
    data    the stdout of a command: waits for its reader, and raises `OutputError` where it cannot be written;
            where its reader has gone the rest is dropped

Files and pipes get UTF-8, whatever the locale says; a terminal gets what it can show.
"""

import atexit
import io
import os
import select
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

STDIN, STDOUT, STDERR = 0, 1, 2
LIMIT_BYTES = 1024 * 1024
FLUSH_SECONDS = 1.0


class OutputError(OSError):
    """The data that a command prints cannot be written: the disk is full."""


class Outlet(io.RawIOBase):
    """A descriptor to tell things to: never raises, and never waits for who reads it.

    What is written waits in a queue for a thread of its own. What finds no room there, or cannot be written, is
    dropped; how much that was is said with the next line that gets through.

    Args:
        descriptor: it is not closed with this.
        limit: how many bytes may wait.
        patience: how many seconds a line may take to be written, and a flush waits; when that was in vain, none waits
            until something was written.
    """

    def __init__(self, descriptor: int, *, limit: int = LIMIT_BYTES, patience: float = FLUSH_SECONDS) -> None:
        self.notice: Callable[[int], str] = lambda lost: f"{lost} lines could not be written here"
        self._descriptor = descriptor
        self._limit = limit
        self._patience = patience
        self._lines: deque[tuple[int, bytes]] = deque()  # and how many were lost before each
        self._waiting = self._bytes = self._lost = 0  # with what is being written
        self._unsaid = 0  # how many were lost since it was said last
        self._began: float | None = None  # when the writing of a line began that has not ended
        self._torn = self._stuck = self._ended = False
        self._thread: threading.Thread | None = None
        self._changed = threading.Condition()  # its lock may be taken again: a signal's handler may tell something too
        atexit.register(self._end)

    def writable(self) -> bool:
        """Whether it can be written to, which is all it is for."""
        return True

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return os.isatty(self._descriptor)

    def write(self, data: "ReadableBuffer", /) -> int:
        """Take a line, or drop it; returns its length."""
        line = bytes(data)
        if self._ended:
            write_now(self._descriptor, line)
            return len(line)
        with self._changed:
            if self._bytes + len(line) > self._limit:
                self._lose()
            elif self._has_writer():
                self._put(line)
            elif not write_now(self._descriptor, line):
                self._lose()
        return len(line)

    def flush(self) -> None:
        """Wait for what was written, but not long."""
        if self._ended:
            return
        with self._changed:
            if self._lost and self._has_writer():
                self._put(b"")  # which brings the count with it
            if not self._stuck:
                self._stuck = not self._changed.wait_for(lambda: not self._waiting, self._patience)

    def trouble(self) -> str | None:
        """Return what is in the way of what is told, in words, and try again."""
        with self._changed:
            if self._lost and self._has_writer():
                self._put(b"")
            if self._unsaid:
                return f"{self._unsaid} lines could not be written"
            began = self._began
        return "nobody reads it" if began is not None and time.monotonic() - began > self._patience else None

    def _lose(self) -> None:
        self._lost += 1
        self._unsaid += 1

    def _put(self, line: bytes) -> None:
        self._lines.append((self._lost, line))
        self._lost = 0
        self._waiting += 1
        self._bytes += len(line)
        self._changed.notify_all()

    def _has_writer(self) -> bool:
        if self._thread is None:
            thread = threading.Thread(target=self._run, name=f"outlet {self._descriptor}", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # there may be a thread for us when the next line comes
                return False
            self._thread = thread
        return True

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._lines)
                lost, line = self._lines.popleft()
                self._began = time.monotonic()
            written = False
            with suppress(Exception):  # no room on the disk, nobody who reads, no memory: the next may fare better
                self._write((f"{self.notice(lost)}\n".encode() if lost else b"") + line)
                written = True
            with self._changed:
                self._waiting -= 1
                self._bytes -= len(line)
                self._began = None
                self._lost += 0 if written else lost + bool(line)
                self._unsaid += -lost if written else bool(line)
                self._stuck = self._stuck and not written
                self._changed.notify_all()

    def _write(self, data: bytes) -> None:
        rest = b"\n" + data if self._torn else data
        while rest:
            try:
                written = os.write(self._descriptor, rest)
            except BlockingIOError:  # who shares it with us has made it so
                _is_writable(self._descriptor, None)
            else:
                rest = rest[written:]
                self._torn = bool(rest)  # where no more gets through, the next line begins on one of its own

    def _end(self) -> None:
        """Flush at the end of the process. Our thread may stop at any line of it then, also with the lock in hand."""
        self.flush()
        self._ended = True


class Data(io.FileIO):
    """Standard output for data: the first failure raises, and the rest, which would fail again at the end, is dropped.

    A reader that has gone, such as `head`, is no failure.

    Attributes:
        is_over: whether the rest is dropped.

    Raises:
        OutputError: it cannot be written.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "wb", closefd=False)
        self.is_over = False

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write some of it, when it can be written."""
        while not self.is_over:
            try:
                written = super().write(data)
            except BrokenPipeError:  # who reads no further has what he wants: it changes no exit status
                self.is_over = True
                break
            except OSError as exc:
                self.is_over = True
                raise OutputError(exc.errno, exc.strerror) from exc
            except KeyboardInterrupt:  # the rest would be waited for again, at the end
                self.is_over = True
                raise
            if written is not None:
                return written
            _is_writable(self.fileno(), None)  # who shares it with us has made it non-blocking
        return memoryview(data).nbytes


def prepare() -> None:
    """Set up this process' streams; before anything else opens a file, which would get the number of a closed one."""
    for descriptor in (STDIN, STDOUT, STDERR):
        _open_missing(descriptor)
    if sys.stdin is None:
        sys.stdin = open(STDIN, encoding="utf-8", closefd=False)  # noqa: SIM115 - for as long as the process lives
    out = io.BufferedWriter(Data(STDOUT))
    sys.stdout = _text(out, sys.stdout, "replace", line_buffering=out.isatty())
    sys.stderr = _text(Outlet(STDERR), sys.stderr, "backslashreplace", write_through=True)


def telling(stream: TextIO) -> TextIO:
    """Return a stream to what `stream` writes to that neither raises nor waits; where that is no file, itself."""
    if _outlet(stream) is not None:
        return stream
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):
        return stream
    # Between them a buffer, which puts the pieces of a line together and whose flush waits for nobody.
    return _text(io.BufferedWriter(Outlet(descriptor)), stream, "replace", line_buffering=True)


def is_read(stream: TextIO) -> bool:
    """Whether all data that was flushed to `stream` has found a reader, as far as can be told."""
    raw = getattr(getattr(stream, "buffer", None), "raw", None)
    return not (isinstance(raw, Data) and raw.is_over)


def on_loss(stream: TextIO, notice: Callable[[int], str]) -> None:
    """Have `stream`, if it drops what nobody takes, say in the words of `notice` how many lines that were."""
    outlet = _outlet(stream)
    if outlet is not None:
        outlet.notice = notice


def end(status: int) -> NoReturn:
    """End this process at once, whatever its threads do; what was told gets a moment to be written."""
    with suppress(Exception):
        sys.stderr.flush()
    os._exit(status)


def trouble(stream: TextIO) -> str | None:
    """Return what is in the way of what is told through `stream`, in words, if it is an outlet."""
    outlet = _outlet(stream)
    return None if outlet is None else outlet.trouble()


def write_now(descriptor: int, line: bytes) -> bool:
    """Write a short line if that can be done without waiting; says whether it was."""
    with suppress(OSError):
        return _is_writable(descriptor, 0) and os.write(descriptor, line[: select.PIPE_BUF]) == len(line)
    return False


def _outlet(stream: TextIO) -> Outlet | None:
    buffer = getattr(stream, "buffer", None)
    raw = getattr(buffer, "raw", buffer)
    return raw if isinstance(raw, Outlet) else None


def _text(
    raw: "Outlet | io.BufferedWriter[Outlet] | io.BufferedWriter[Data]", before: TextIO | None, errors: str, **how: bool
) -> io.TextIOWrapper:
    encoding = before.encoding if raw.isatty() and before is not None else "utf-8"
    errors = errors if raw.isatty() else "backslashreplace"
    return io.TextIOWrapper(raw, encoding=encoding, errors=errors, **how)  # type: ignore[arg-type]  # a raw one does


def _open_missing(descriptor: int) -> None:
    try:
        os.fstat(descriptor)
    except OSError:
        opened = os.open(os.devnull, os.O_RDWR)
        if opened != descriptor:
            os.dup2(opened, descriptor)
            os.close(opened)
        os.set_inheritable(descriptor, True)  # noqa: FBT003 - it takes no name


def _is_writable(descriptor: int, milliseconds: int | None) -> bool:
    """Wait until a descriptor takes something, or fails; without a limit where `milliseconds` is None."""
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(milliseconds))
