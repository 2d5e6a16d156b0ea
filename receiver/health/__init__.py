"""What must hold, in one shape, wherever it is shown: readiness, `receiver check` and the log."""

from receiver.health.finding import Finding, report

__all__ = ["Finding", "report"]
