"""What the tests' claims can take of queues."""

from collections.abc import Iterable

from receiver.inbox.jobs import Portion, Queue


def portions(queues: Iterable[Queue]) -> list[Portion]:
    """Return that a claim can take any number of jobs of these queues."""
    return [Portion(queue, 1_000_000) for queue in queues]
