"""What is told, and how. Telling never fails and never holds up what it tells of.

lines ──▶ streams: a queue before each stream, which drops and counts what nobody takes
lines        a log line, for people or for machines; what every line escapes
seldom       what anyone can cause is said at most once in a while
reasons      an error as a text that can be stored
redaction    of an address only scheme, host and port
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
