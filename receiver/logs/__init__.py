"""Log lines and the texts of errors. Logging never fails and never delays the work that it reports.

lines ──▶ streams: a queue before each stream; a line that nobody takes is dropped and counted
lines        log lines, for people or for machines, with strangers' text escaped
seldom       lines that anyone can cause, at most once in a while
reasons      an error as a text that can be stored
redaction    shorten each address to scheme, host and port
"""

from receiver.logs.lines import (
    FIELDS,
    SHOWN,
    clock,
    configure,
    printable,
    say,
)

__all__ = [
    "FIELDS",
    "SHOWN",
    "clock",
    "configure",
    "printable",
    "say",
]
