"""Checks, for readiness, `receiver check` and the log; and what keeps a process alive.

finding.Finding    a name, whether it holds, what was seen, what to do
survey             all findings of `receiver check`, in an order in which each explains the next
  ▶ checks         the settings, the handlers, the jobs, the secret, the spool
  ▶ postgres       the server and the schema
  ▶ snapshots      who keeps old rows from being cleaned up
  ▶ advice         what is worth knowing and is not a failure
  ▶ feeds          whether webhooks come
  ▶ submitted      what the providers are asked for, and the accounts that pay
  ▶ around         the provider, and whether it can reach us
history            what was counted in the last hours, for charts
doctor/            why a captured request does not prove itself
start              whether a process may start with its database
failures           deliveries refused in a row, counted as the provider counts
resources          whether a process has enough descriptors and threads, and its log is read
organs             runs background functions, and starts them again when they fail
presence           knows which processes run
  ▶ telling        lets others read what a process knows
    ▶ counts       counts what a process does. Pure
captures           keeps the last refused deliveries, for a diagnosis
status             the whole state in one value
  ▶ figures        reads who runs, what waits, what is broken, what is left
  ▶ asking         asks a web process, while the database is away
metrics/           the same for Prometheus
watchdog           ends a process whose event loop does not answer
trial              follows a test event through the whole path
"""

from receiver.health.finding import Finding, hold, report

__all__ = ["Finding", "hold", "report"]
