"""What went wrong, in words that an assistant can act on. A tool's error is an answer, not an exception."""

import logging

from receiver.assistants.harmless import shown
from receiver.database import TROUBLE, outages
from receiver.errors import ReceiverError, StoreBusyError, StoreRefusedError, StoreUnavailableError

log = logging.getLogger(__name__)

MOST = 1000  # characters
SLOW = "the database did not answer this in time: ask for less, for instance with a shorter `since`, or ask again"
MAYBE = "it may have happened: look with explain_event before you ask for it again"
WAIT = "nothing is lost meanwhile; ask again in a minute"
BUG = "this is a bug in receiver; its log says more"


class UnsureError(ReceiverError):
    """Something was begun, and how it ended is not known. The message says why."""


def said(error: Exception, what: str) -> str:
    """Return the sentence about an error of `what`. A bug is logged."""
    found = error
    if isinstance(error, UnsureError):
        return shown(f"{error}; {MAYBE}", MOST)
    if isinstance(error, TROUBLE) and not isinstance(error, ReceiverError):
        found = outages.of_work(error)
    if isinstance(found, StoreBusyError) or (isinstance(found, StoreRefusedError) and found.passing):
        return SLOW
    if isinstance(found, StoreUnavailableError) and not isinstance(found, StoreRefusedError):
        return shown(f"{found}; {WAIT}", MOST)
    if isinstance(found, ReceiverError):
        return shown(str(found), MOST)
    log.error("a bug in receiver: %s failed", what, exc_info=error)
    return BUG
