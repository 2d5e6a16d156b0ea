"""Log lines and the texts of errors. Logging never fails and never delays the work that it reports.

lines ──▶ streams: a queue before each stream; a line that is not read is dropped and counted
lines        log lines, for people or for machines, with text from outside escaped
seldom       lines that anyone can cause, logged only once in a while
reasons      an error as a text that can be stored
  ▶ unanswered  why a request got no answer, without what the other side has said
redaction    shorten each address to scheme, host and port
unseen       characters that show nothing, or turn what is around them
extras       how the libraries of an extra are installed
traces       spans of OpenTelemetry, where somebody has set it up
  ▶ exporting  sets it up, where its variables name a collector
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
