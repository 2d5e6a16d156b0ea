"""Log lines on stderr, one line for each record: text for people or JSON for machines. `say` prints on stdout.

Text from outside (a title, an error message) can contain line ends, terminal escapes or bidirectional overrides. So
every character that is not printable is escaped. In tracebacks, addresses are shortened because they might contain a
secret. Every time is UTC, and ends in Z.
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

FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}  # attributes of every record
SHOWN = frozenset({"time", "level", "logger", "exception"})  # fields of every line besides the message

_for_people = logging.getLogger("receiver.told")


def printable(text: str) -> str:
    """Escape every character that could break out of its line or steer a terminal."""
    if text.isprintable():  # nearly always, and a line is then written in half the time
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def clock(moment: datetime) -> str:
    """Return a moment in the format of all lists."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")


class TextFormatter(logging.Formatter):
    """`2026-04-29T08:15:30.123Z info web: message`. A traceback follows on indented lines.

    A `process` that has a name says it: `… info [web 2] web: message`.
    """

    def __init__(self, process: str = "") -> None:
        super().__init__()
        self._process = f"[{process}] " if process else ""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line, and its traceback below it."""
        name, message = record.name.removeprefix("receiver."), record.getMessage()
        event = getattr(record, "event", None)
        if event is not None and str(event) not in message:
            message = f"{event}: {message}"
        line = f"{_stamp(record)} {record.levelname.lower()} {self._process}{name}: {printable(message)}"
        if record.exc_info:
            trace = shorten(self.formatException(record.exc_info)).splitlines()
            line = "\n".join([line, *(f"    {printable(part)}" for part in trace)])
        return line


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, any exception, and the fields of `extra`.

    A `process` that has a name says it.
    """

    def __init__(self, process: str = "") -> None:
        super().__init__()
        self._process = {"process": process} if process else {}

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of JSON."""
        fields: dict[str, object] = {
            "time": _stamp(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **self._process,
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
    """Writes lines to a stream. It never raises: a lost line must not disturb the code that logs it."""

    def __init__(self, stream: TextIO, formatter: logging.Formatter) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self._stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record. If it cannot be formatted, write only the name of its logger."""
        try:
            line = self.format(record)
        except KeyboardInterrupt:
            raise
        except BaseException:  # noqa: BLE001 - a handler's arguments, which might raise SystemExit too
            line = self.format(_record(logging.ERROR, f"a log line of {record.name} cannot be formatted"))
        with suppress(Exception):
            self._stream.write(f"{line}\n")


def configure(style: Literal["text", "json"], level: str, *, process: str = "") -> None:
    """Send every logger's lines to stderr in one style, with the name of this process if it has one."""
    formatter = JsonFormatter(process) if style == "json" else TextFormatter(process)
    root = logging.getLogger()
    root.handlers[:] = [Output(sys.stderr, formatter)]
    root.setLevel(level.upper())
    streams.on_loss(
        sys.stderr, lambda lost: formatter.format(_record(logging.ERROR, f"{lost} log lines could not be written"))
    )
    # These libraries log every request at info. We log what matters ourselves.
    for chatty in ("httpx", "httpcore"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    is_text = style == "text"
    _for_people.handlers[:] = [Output(streams.telling(sys.stdout), PlainFormatter())] if is_text else []
    _for_people.propagate = not is_text
    _for_people.setLevel(logging.INFO if is_text else logging.NOTSET)


def say(line: str) -> None:
    """Print a line for people on a long-running process' stdout. With JSON logs it becomes a log line."""
    _for_people.info("%s", line)


def _record(level: int, message: str) -> logging.LogRecord:
    return logging.LogRecord(__name__, level, __file__, 0, message, (), None)


def _stamp(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(math.floor(record.created), UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{int(record.msecs):03}Z"


def _extra(record: logging.LogRecord) -> Iterator[tuple[str, object]]:
    """Yield the fields given as `extra`, as JSON values."""
    for name, value in vars(record).items():
        if name not in FIELDS:
            yield str(name), _json_value(value)


def _json_value(value: object) -> object:
    """Return a value as JSON. Parts that JSON does not know become text, and if that fails the whole value does."""
    try:
        return json.loads(json.dumps(value, default=_text, allow_nan=False))
    except (TypeError, ValueError, RecursionError):  # odd keys, an infinite number, or a value that contains itself
        return _text(value)


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - a handler's __str__
        return f"a {type(value).__name__}"
