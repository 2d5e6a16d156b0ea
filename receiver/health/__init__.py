"""What must hold, in one shape, wherever it is shown: readiness, `receiver check` and the log.

finding.Finding    its name, whether it holds, what was seen, what to do
survey             all of it, in the order in which one explains the next
  ▶ postgres, checks, around, advice, resources, failures
organs             what runs in the background, and is started again
presence           which processes run
watchdog           a loop that no longer answers ends its process
trial              a test event, followed through the whole path
"""

from receiver.health.finding import Finding, report

__all__ = ["Finding", "report"]
