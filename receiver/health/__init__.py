"""What must hold, in one shape, for readiness, `receiver check` and the log.

finding.Finding    a name, whether it holds, what was seen, what to do
survey             all findings, in an order in which each explains the next
  ▶ postgres, checks, around, advice, resources, failures
organs             runs background functions, and starts them again when they fail
presence           knows which processes run
watchdog           ends a process whose event loop does not answer
trial              follows a test event through the whole path
"""

from receiver.health.finding import Finding, report

__all__ = ["Finding", "report"]
