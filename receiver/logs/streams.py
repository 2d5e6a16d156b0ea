"""The standard streams of a process: writing log lines to them neither fails nor delays the work.

    Outlet  stderr, and the stdout of a long-running process: drops lines that are not read, and counts them
    Data    the stdout of a command: waits for its reader, and raises `OutputError` if it cannot be written;
            if the reader has gone, the rest is dropped

Files and pipes get UTF-8 in every locale. A terminal gets its own encoding.
"""

import atexit
import io
import os
import select
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NoReturn, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

STDIN, STDOUT, STDERR = 0, 1, 2
LIMIT_BYTES = 1024 * 1024
FLUSH_SECONDS = 1.0
INTERRUPTED = 130  # the exit status that a shell expects after Ctrl-C


class OutputError(OSError):
    """The output of a command cannot be written, for instance because the disk is full."""


class Outlet(io.RawIOBase):
    """A descriptor for log lines. Writing to it never raises, and never waits for the reader.

    Lines wait in a queue, and a thread writes them. A line is dropped if the queue is full or if it cannot be written.
    The next line that is written says how many were dropped.

    Args:
        descriptor: where to write. It is not closed with the outlet.
        limit: how many bytes can wait in the queue.
        patience: how many seconds a flush waits, and a line can take to be written. After a flush that waited so long,
            later ones do not wait, until a line has been written.
    """

    def __init__(self, descriptor: int, *, limit: int = LIMIT_BYTES, patience: float = FLUSH_SECONDS) -> None:
        self.notice: Callable[[int], str] = lambda lost: f"{lost} lines could not be written here"
        self._descriptor = descriptor
        self._limit = limit
        self._patience = patience
        self._lines: deque[tuple[int, bytes]] = deque()  # each with the number of lines lost before it
        self._waiting = self._bytes = self._lost = 0  # includes the line that is being written
        self._unsaid = 0  # lines lost since the last notice
        self._began: float | None = None  # when the write that is under way began
        self._torn = self._stuck = self._ended = False
        self._thread: threading.Thread | None = None
        self._changed = threading.Condition()  # a reentrant lock: a signal handler might write a line too
        atexit.register(self._end)

    def writable(self) -> bool:
        """Whether the stream can be written to: yes, always."""
        return True

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Whether the descriptor is a terminal."""
        return os.isatty(self._descriptor)

    def write(self, data: "ReadableBuffer", /) -> int:
        """Queue a line, or drop it. Return its length."""
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
        """Wait until the queue is written, at most for `patience`."""
        if self._ended:
            return
        with self._changed:
            if self._lost and self._has_writer():
                self._put(b"")  # writes the notice of lost lines
            if not self._stuck:
                self._stuck = not self._changed.wait_for(lambda: not self._waiting, self._patience)

    def trouble(self) -> str | None:
        """Return why lines are not written, in words; None if they are. Try to write again."""
        with self._changed:
            if self._lost and self._has_writer():
                self._put(b"")
            if self._unsaid:
                return f"{self._unsaid} lines could not be written"
            began = self._began
        return "no program reads it" if began is not None and time.monotonic() - began > self._patience else None

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
            except RuntimeError:  # no thread can be started now; the next line tries again
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
            with suppress(Exception):  # no space on the disk, no reader, no memory: the next line might be written
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
            except BlockingIOError:  # another process has made the shared descriptor non-blocking
                _is_writable(self._descriptor, None)
            else:
                rest = rest[written:]
                self._torn = bool(rest)  # if the rest gets lost, the next line starts with a line end

    def _end(self) -> None:
        """Flush at the end of the process. After that the thread can stop anywhere, even while it holds the lock."""
        self.flush()
        self._ended = True


class Data(io.FileIO):
    """Standard output for data. The first failure raises `OutputError`, and the rest is dropped: it would fail again.

    A reader that has gone, such as `head`, is not a failure.

    Attributes:
        is_over: whether the rest is dropped.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "wb", closefd=False)
        self.is_over = False

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write some of the data as soon as that is possible."""
        while not self.is_over:
            try:
                written = super().write(data)
            except BrokenPipeError:  # the reader has enough; this changes no exit status
                self.is_over = True
                break
            except OSError as exc:
                self.is_over = True
                raise OutputError(exc.errno, exc.strerror) from exc
            except KeyboardInterrupt:  # otherwise the end of the process would wait for the rest again
                self.is_over = True
                raise
            if written is not None:
                return written
            _is_writable(self.fileno(), None)  # another process has made it non-blocking
        return memoryview(data).nbytes


def prepare() -> None:
    """Set up the standard streams. Call this first: a file opened earlier could get the number of a closed stream."""
    for descriptor in (STDIN, STDOUT, STDERR):
        _open_missing(descriptor)
    if sys.stdin is None:
        sys.stdin = open(STDIN, encoding="utf-8", closefd=False)  # noqa: SIM115 - open as long as the process lives
    out = io.BufferedWriter(Data(STDOUT))
    sys.stdout = _text(out, sys.stdout, "replace", line_buffering=out.isatty())
    sys.stderr = _text(Outlet(STDERR), sys.stderr, "backslashreplace", write_through=True)


def telling(stream: TextIO) -> TextIO:
    """Return a stream to the same descriptor that neither raises nor waits. Return `stream` if it has no descriptor."""
    if _outlet(stream) is not None:
        return stream
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):
        return stream
    # The buffer in between joins the pieces of a line. Its flush does not flush the outlet, so it never waits.
    return _text(io.BufferedWriter(Outlet(descriptor)), stream, "replace", line_buffering=True)


def is_read(stream: TextIO) -> bool:
    """Whether the reader of `stream` has read all flushed data, as far as we can know."""
    raw = getattr(getattr(stream, "buffer", None), "raw", None)
    return not (isinstance(raw, Data) and raw.is_over)


def on_loss(stream: TextIO, notice: Callable[[int], str]) -> None:
    """Let `notice` write the line about lost lines, if `stream` is an outlet."""
    outlet = _outlet(stream)
    if outlet is not None:
        outlet.notice = notice


def end(status: int) -> NoReturn:
    """End this process immediately, even if threads still run. Log lines get a moment to be written."""
    with suppress(Exception):
        sys.stderr.flush()
    os._exit(status)


@contextmanager
def leaving_at_ctrl_c() -> Iterator[None]:
    """Let Ctrl-C end this process at once, while modules are imported: they might swallow a KeyboardInterrupt."""
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, lambda *_: _leave())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _leave() -> NoReturn:
    write_now(STDERR, b"interrupted\n")
    os._exit(INTERRUPTED)


def trouble(stream: TextIO) -> str | None:
    """Return why lines on `stream` are not written, in words; None if they are, or if `stream` is not an outlet."""
    outlet = _outlet(stream)
    return None if outlet is None else outlet.trouble()


def write_now(descriptor: int, line: bytes) -> bool:
    """Write a short line if that needs no waiting. Return whether it was written."""
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
    return io.TextIOWrapper(raw, encoding=encoding, errors=errors, **how)  # type: ignore[arg-type]  # a raw stream works too


def _open_missing(descriptor: int) -> None:
    try:
        os.fstat(descriptor)
    except OSError:
        opened = os.open(os.devnull, os.O_RDWR)
        if opened != descriptor:
            os.dup2(opened, descriptor)
            os.close(opened)
        os.set_inheritable(descriptor, True)  # noqa: FBT003 - the argument has no name


def _is_writable(descriptor: int, milliseconds: int | None) -> bool:
    """Wait until a descriptor can be written to, or fails. Wait without limit if `milliseconds` is None."""
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(milliseconds))
