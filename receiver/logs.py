"""Log lines: to stderr, one event one line, text for people or JSON for machines.

What a stranger wrote (a title, an error message) may hold line ends, terminal escapes or bidirectional
overrides; everything that is not printable is escaped before it is written. In tracebacks addresses lose what may be
a secret, whoever raised.
"""

import json
import logging
import sys
import time
from typing import Literal, TextIO

from receiver.redaction import shorten


def printable(text: str) -> str:
    """Escape every character that could break out of its line or steer a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


class TextFormatter(logging.Formatter):
    """`08:15:30.123 info web: message`; a traceback follows on indented lines."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line, and its traceback below it."""
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        name = record.name.removeprefix("receiver.")
        event = f"{record.event}: " if hasattr(record, "event") else ""
        said = printable(f"{event}{record.getMessage()}")
        line = f"{clock}.{int(record.msecs):03} {record.levelname.lower()} {name}: {said}"
        if record.exc_info:
            trace = shorten(self.formatException(record.exc_info)).splitlines()
            line = "\n".join([line, *(f"    {printable(part)}" for part in trace)])
        return line


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and exception where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of JSON."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        fields = {
            "time": f"{stamp}.{int(record.msecs):03}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if hasattr(record, "event"):
            fields["event"] = str(record.event)
        if record.exc_info:
            fields["exception"] = shorten(self.formatException(record.exc_info))
        return json.dumps(fields)


class Output(logging.StreamHandler[TextIO]):
    """stderr; a record that cannot be formatted is one line too."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the base's name
        """Say which logger wrote what cannot be formatted, without showing it."""
        self.stream.write(f"a log line of {printable(record.name)} cannot be formatted\n")


def configure(style: Literal["text", "json"], level: str) -> None:
    """Send every logger's lines to stderr in one style."""
    output = Output(sys.stderr)
    output.setFormatter(JsonFormatter() if style == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [output]
    root.setLevel(level.upper())
    # They talk about every request at info; we say ourselves what matters.
    for chatty in ("httpx", "httpcore"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
