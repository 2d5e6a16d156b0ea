"""`worker.queues`: accounts take turns, and a queue whose account lacks something rests. Pure."""

from receiver.events import AccountId
from receiver.inbox.jobs import Queue
from receiver.worker.queues import Queues

A, B, C = (AccountId("transcribe.so", "https://api.test", name) for name in "abc")


class Clock:
    """Seconds that the test sets."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def open_queues(queues: Queues, handler: str = "h") -> list[str]:
    return [f"{queue.account.account}{'r' if queue.is_replay else ''}" for queue in queues.open([handler])]


def test_an_account_that_was_served_goes_behind_the_others() -> None:
    queues = Queues([A, B, C], ["h"], each=9)
    assert open_queues(queues) == ["a", "ar", "b", "br", "c", "cr"]
    queues.served([A])
    assert open_queues(queues) == ["b", "br", "c", "cr", "a", "ar"]
    queues.served([C, B, C])
    assert [account.account for account in queues.accounts] == ["a", "b", "c"]
    queues.served([])
    assert [account.account for account in queues.accounts] == ["a", "b", "c"]


def test_a_queue_rests_alone_until_its_time() -> None:
    clock = Clock()
    queues = Queues([A, B], ["h", "other"], each=9, clock=clock)
    queues.rest(Queue(A, "h", is_replay=True), 10)
    assert open_queues(queues) == ["a", "b", "br"]
    assert open_queues(queues, "other") == ["a", "ar", "b", "br"]
    queues.rest(Queue(A, "h", is_replay=False), 5)
    assert open_queues(queues) == ["b", "br"]
    clock.now += 5
    assert open_queues(queues) == ["a", "b", "br"]
    clock.now += 5
    assert open_queues(queues) == ["a", "ar", "b", "br"]


def test_no_rest_is_longer_than_an_hour() -> None:
    clock = Clock()
    queues = Queues([A], ["h"], each=9, clock=clock)
    queues.rest(Queue(A, "h", is_replay=False), 86_400)
    clock.now += 3599
    assert open_queues(queues) == ["ar"]
    clock.now += 1
    assert open_queues(queues) == ["a", "ar"]


def test_of_several_ends_the_first_holds_and_a_rest_that_is_over_holds_nothing() -> None:
    clock = Clock()
    queues = Queues([A], ["h"], each=9, clock=clock)
    for seconds in (9, 3, 6):
        queues.rest(Queue(A, "h", is_replay=False), seconds)
    clock.now += 3
    queues.rest(Queue(A, "h", is_replay=False), 4)
    assert open_queues(queues) == ["ar"]
    clock.now += 4
    assert open_queues(queues) == ["a", "ar"]


def test_an_account_without_room_is_left_out_until_one_of_its_jobs_has_ended() -> None:
    queues = Queues([A, B], ["h"], each=2)
    queues.holds(A, more=1)
    assert (queues.room(A), open_queues(queues)) == (1, ["a", "ar", "b", "br"])
    queues.holds(A, more=1)
    assert (queues.room(A), open_queues(queues)) == (0, ["b", "br"])
    queues.holds(A, more=-1)
    assert open_queues(queues) == ["a", "ar", "b", "br"]
