"""Points in the code at which a test can kill the process.

    RECEIVER_FAILPOINT=after-commit:3      the process dies, as by kill -9, when it reaches the point for the third time

Without that variable a point costs one comparison. The armed point is the only global of this package. Otherwise every
function on the way to a point would need an argument for it.
"""

import os
import re
import signal
from dataclasses import dataclass
from enum import StrEnum
from itertools import count

from receiver.logs import streams


class Failpoint(StrEnum):
    """The points, in the order in which a delivery reaches them."""

    AFTER_VERIFY = "after-verify"
    BEFORE_COMMIT = "before-commit"
    AFTER_COMMIT = "after-commit"
    BEFORE_SPOOL_FSYNC = "before-spool-fsync"
    AFTER_SPOOL_FSYNC = "after-spool-fsync"
    AFTER_ANSWER = "after-answer"
    MID_DRAIN = "mid-drain"
    AFTER_CLAIM = "after-claim"
    IN_HANDLER = "in-handler"
    AFTER_HANDLER = "after-handler"
    BEFORE_COMPLETING_COMMIT = "before-completing-commit"
    AFTER_COMPLETING_COMMIT = "after-completing-commit"
    BEFORE_SETTLED = "before-settled"
    AFTER_SETTLED = "after-settled"
    BEFORE_ADVANCED = "before-advanced"
    AFTER_ADVANCED = "after-advanced"
    BEFORE_SENT = "before-sent"
    AFTER_SENT = "after-sent"
    AFTER_ANSWERED = "after-answered"
    AFTER_ENDED = "after-ended"
    BEFORE_STORED = "before-stored"
    AFTER_STORED = "after-stored"
    BEFORE_RECONCILED = "before-reconciled"
    AFTER_RECONCILED = "after-reconciled"
    AFTER_COMPARED = "after-compared"
    AFTER_INTENDED = "after-intended"
    AFTER_REGENERATED = "after-regenerated"
    AFTER_REGENERATION_KEPT = "after-regeneration-kept"
    MID_REGISTRATION = "mid-registration"
    MID_ROTATION = "mid-rotation"
    MID_MIGRATION = "mid-migration"
    BEFORE_PRUNED = "before-pruned"
    AFTER_PRUNED = "after-pruned"
    BEFORE_INDEXED = "before-indexed"
    BEFORE_NOTICED = "before-noticed"
    AFTER_NOTICED = "after-noticed"


PATTERN = re.compile(rf"({'|'.join(Failpoint)})(?::([1-9][0-9]{{0,8}}))?")


@dataclass(frozen=True, slots=True)
class Death:
    """Where a process dies, and at which arrival there (1 is the first)."""

    point: Failpoint
    time: int = 1


def parse(text: str) -> Death:
    """Parse `after-commit` or `after-commit:3`.

    Raises:
        ValueError: the point or the number is wrong; the message lists the points.
    """
    found = PATTERN.fullmatch(text)
    if found is None:
        raise ValueError(f"must be one of {', '.join(Failpoint)}, with :3 after it for the third time")
    return Death(Failpoint(found[1]), int(found[2] or 1))


_death: Death | None = None
_times = count(1)


def arm(death: Death | None) -> None:
    """Arm this process with a death; None disarms it."""
    global _death, _times
    _death, _times = death, count(1)


def is_armed(point: Failpoint) -> bool:
    """Whether this process will die at `point`."""
    return _death is not None and _death.point is point


def reach(point: Failpoint) -> None:
    """Die here if this process is armed for `point` and this arrival."""
    if _death is not None and _death.point is point and next(_times) == _death.time:
        streams.write_now(streams.STDERR, f"killed at {point}\n".encode())
        os.kill(os.getpid(), signal.SIGKILL)
