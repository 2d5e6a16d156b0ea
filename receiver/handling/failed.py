"""Why work has failed, as far as its event says: no provider documents the payload of a failure."""

from receiver.events import Event

KEYS = ("error", "error_message", "failure_reason", "reason", "message")


def reason(event: Event) -> str:
    """Return the first text that looks like a reason, with addresses as in `event.shown`; else `no reason given`."""
    data = event.shown
    parts = [part for name in ("transcription", "submission") if isinstance(part := data.get(name), dict)]
    for said in (part.get(key) for part in parts for key in KEYS):
        found = said.get("message") if isinstance(said, dict) else said
        if isinstance(found, str) and found.strip():
            return found
    return "no reason given"
