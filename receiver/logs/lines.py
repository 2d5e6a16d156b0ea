"""Log lines: to stderr, one event one line, text for people or JSON for machines. And what `up` says on stdout.

What a stranger wrote (a title, an error message) may hold line ends, terminal escapes or bidirectional
overrides; everything that is not printable is escaped before it is written. In tracebacks addresses lose what may be
a secret, whoever raised. Every time is UTC and says so.
"""

import json
import logging
import math
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Literal, TextIO

from receiver.logs import streams
from receiver.logs.redaction import shorten

FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}  # of every record
SHOWN = frozenset({"time", "level", "logger", "exception"})  # of every line beside the message

_told = logging.getLogger("receiver.told")


def printable(text: str) -> str:
    """Escape every character that could break out of its line or steer a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def clock(moment: datetime) -> str:
    """Return a moment as every list shows it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")


class TextFormatter(logging.Formatter):
    """`2026-04-29T08:15:30.123Z info web: message`; a traceback follows on indented lines."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line, and its traceback below it."""
        name, said = record.name.removeprefix("receiver."), record.getMessage()
        event = getattr(record, "event", None)
        if event is not None and str(event) not in said:
            said = f"{event}: {said}"
        line = f"{_stamp(record)} {record.levelname.lower()} {name}: {printable(said)}"
        if record.exc_info:
            trace = shorten(self.formatException(record.exc_info)).splitlines()
            line = "\n".join([line, *(f"    {printable(part)}" for part in trace)])
        return line


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, exception where there is one, and what `extra` says."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of JSON."""
        fields: dict[str, object] = {
            "time": _stamp(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            fields["exception"] = shorten(self.formatException(record.exc_info))
        return json.dumps(dict(_extra(record)) | fields)


class PlainFormatter(logging.Formatter):
    """The message alone."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the message."""
        return record.getMessage()


class Output(logging.Handler):
    """Writes lines to a stream. Whatever becomes of a line is no matter of who logs it, so nothing is ever raised."""

    def __init__(self, stream: TextIO, formatter: logging.Formatter) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self._stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record; of one that cannot be formatted, which logger it is from, without showing it."""
        try:
            line = self.format(record)
        except KeyboardInterrupt:
            raise
        except BaseException:  # noqa: BLE001 - a stranger's arguments, which may raise SystemExit too
            line = self.format(_record(logging.ERROR, f"a log line of {record.name} cannot be formatted"))
        with suppress(Exception):
            self._stream.write(f"{line}\n")


def configure(style: Literal["text", "json"], level: str) -> None:
    """Send every logger's lines to stderr in one style."""
    formatter = JsonFormatter() if style == "json" else TextFormatter()
    root = logging.getLogger()
    root.handlers[:] = [Output(sys.stderr, formatter)]
    root.setLevel(level.upper())
    streams.on_loss(
        sys.stderr, lambda lost: formatter.format(_record(logging.ERROR, f"{lost} log lines could not be written"))
    )
    # They talk about every request at info; we say ourselves what matters.
    for chatty in ("httpx", "httpcore"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    is_text = style == "text"
    _told.handlers[:] = [Output(streams.telling(sys.stdout), PlainFormatter())] if is_text else []
    _told.propagate = not is_text
    _told.setLevel(logging.INFO if is_text else logging.NOTSET)


def say(line: str) -> None:
    """Tell a person something on a long-running process' stdout, if it can be told; a log line where those are JSON."""
    _told.info("%s", line)


def _record(level: int, message: str) -> logging.LogRecord:
    return logging.LogRecord(__name__, level, __file__, 0, message, (), None)


def _stamp(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(math.floor(record.created), UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{int(record.msecs):03}Z"


def _extra(record: logging.LogRecord) -> Iterator[tuple[str, object]]:
    """Yield what was given as `extra`, as JSON can say it."""
    for name, value in vars(record).items():
        if name not in FIELDS:
            yield str(name), _said(value)


def _said(value: object) -> object:
    """Return a value that JSON can say, where need be with texts in it; else its text alone."""
    try:
        return json.loads(json.dumps(value, default=_text, allow_nan=False))
    except (TypeError, ValueError, RecursionError):  # odd keys, no finite number, or it holds itself
        return _text(value)


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - a stranger's __str__
        return f"a {type(value).__name__}"
