"""`worker.queues`: accounts take turns, and a queue whose account lacks something rests. Pure."""

import pytest

from receiver.events import AccountId
from receiver.inbox import jobs
from receiver.inbox.jobs import START, Portion, Queue
from receiver.worker.queues import LOOK_SECONDS, Queues
from tests.worker.working import Clock, claim_from

A, B, C = (AccountId("transcribe.so", "https://api.test", name) for name in "abc")
ALL = jobs.queues([A, B, C], ["h"])


def live(account: AccountId) -> Queue:
    return Queue(account, "h", is_replay=False)


def open_queues(queues: Queues, handler: str = "h") -> list[str]:
    return [f"{queue.account.account}{'r' if queue.is_replay else ''}" for queue in queues.open([handler])]


def test_an_account_that_was_served_goes_behind_the_others() -> None:
    queues = Queues([A, B, C], ["h"], each=9)
    assert open_queues(queues) == ["a", "ar", "b", "br", "c", "cr"]
    queues.served([A], ALL)
    assert open_queues(queues) == ["b", "br", "c", "cr", "a", "ar"]
    queues.served([C, B, C], queues.open(["h"]))
    assert [account.account for account in queues.accounts] == ["a", "b", "c"]
    queues.served([], ALL)
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
    queues.holds(live(A), more=1)
    assert (queues.room(A), open_queues(queues)) == (1, ["a", "ar", "b", "br"])
    queues.holds(live(A), more=1)
    assert (queues.room(A), open_queues(queues)) == (0, ["b", "br"])
    queues.holds(live(A), more=-1)
    assert open_queues(queues) == ["a", "ar", "b", "br"]


def test_replays_leave_a_quarter_of_the_room_to_live_jobs() -> None:
    queues = Queues([A], ["h", "other"], each=8)
    replays = [queue for queue in jobs.queues([A], ["h", "other"]) if queue.is_replay]
    assert names(queues.next(8)) == [("a", "h", 8), ("a", "h", 6), ("a", "other", 8), ("a", "other", 6)]
    queues.holds(replays[0], more=2)
    queues.holds(replays[1], more=3)
    assert names(queues.next(8)) == [("a", "h", 3), ("a", "h", 1), ("a", "other", 3), ("a", "other", 1)]
    queues.holds(replays[1], more=1)
    assert [one.queue.is_replay for one in queues.next(8)] == [False, False]
    queues.holds(live(A), more=2)
    assert queues.next(8) == []
    queues.holds(live(A), more=-2)
    queues.holds(replays[0], more=-6)
    assert names(queues.next(8))[1] == ("a", "h", 6)


@pytest.mark.parametrize(("each", "replays"), [(2, 1), (3, 2), (4, 3), (7, 6), (8, 6)])
def test_of_two_lanes_or_more_one_is_for_live_jobs(each: int, replays: int) -> None:
    assert names(Queues([A], ["h"], each=each).next(each)) == [("a", "h", each), ("a", "h", replays)]


def test_a_single_lane_is_for_both() -> None:
    assert names(Queues([A], ["h"], each=1).next(1)) == [("a", "h", 1), ("a", "h", 1)]


def test_a_claim_of_as_many_replays_as_there_is_room_for_says_nothing_about_more() -> None:
    queues = Queues([A], ["h"], each=8)
    live_ones, replays = queues.next(8)
    queues.claimed([claim_from(replays.queue, number) for number in range(6)], [live_ones, replays], 8, took=0)
    assert queues.next(8)[0].mark == START, "it might have more"
    queues.claimed([claim_from(replays.queue, 7)], [live_ones, replays], 8, took=0)
    assert queues.next(8)[0].mark != START


def many(clock: Clock, *, each: int = 9) -> Queues:
    """Return queues that are too many to look into each of them."""
    return Queues([A, B, C], ["h", "other"], each=each, few=1, clock=clock)


def names(chosen: list[Portion]) -> list[tuple[str, str, int]]:
    return [(one.queue.account.account, one.queue.handler, one.room) for one in chosen]


def test_of_many_queues_those_with_due_jobs_are_claimed_from_accounts_in_turn_with_equal_shares() -> None:
    queues = many(Clock())
    queues.look([ALL[0], Queue(A, "other", is_replay=True), ALL[2], ALL[4]], took=0)
    first = queues.next(2)
    assert names(first) == [("a", "h", 1), ("a", "other", 1), ("b", "h", 1)]
    assert not queues.claimed([claim_from(ALL[0], 1), claim_from(ALL[2], 2)], first, 2, took=0)
    assert names(queues.next(4)) == [("c", "h", 2), ("a", "h", 2), ("a", "other", 2), ("b", "h", 2)]


def test_an_account_that_gives_less_than_its_share_is_left_out_until_the_next_look() -> None:
    clock = Clock()
    queues = many(clock)
    queues.look(ALL[::2], took=0)
    assert not queues.must_look
    chosen = queues.next(3)
    assert queues.claimed([claim_from(ALL[0], 1), claim_from(ALL[4], 2)], chosen, 3, took=0)
    assert names(queues.next(2)) == [("a", "h", 1), ("c", "h", 1)]
    assert not queues.claimed([], queues.next(2), 2, took=0)
    assert queues.must_look, "nothing is known to be due"
    queues.look(ALL[:1], took=0)
    assert not queues.must_look
    clock.now += LOOK_SECONDS
    assert queues.must_look


def test_of_many_queues_none_that_rests_or_lacks_room_is_claimed_from() -> None:
    clock = Clock()
    queues = many(clock, each=1)
    queues.look(ALL[::2], took=0)
    queues.rest(ALL[0], 10)
    queues.holds(live(B), more=1)
    assert names(queues.next(8)) == [("c", "h", 1)]
    queues.holds(live(C), more=1)
    assert names(queues.next(8)) == []
    assert queues.must_look, "a job of another account might have come"


def test_few_queues_are_not_looked_at_before_they_are_claimed_from() -> None:
    queues = Queues([A], ["h"], each=9)
    assert not queues.must_look
    assert names(queues.next(8)) == [("a", "h", 8), ("a", "h", 7)]


def idle(queues: Queues) -> str:
    """Return the accounts whose queues are known to have no job that has been due for long."""
    return "".join(sorted(one.queue.account.account for one in queues.next(9) if one.mark != START))[::2]


def test_a_claim_that_was_not_filled_has_emptied_the_accounts_with_room() -> None:
    queues = Queues([A, B, C], ["h"], each=2)
    queues.holds(live(C), more=2)
    chosen = queues.next(9)
    queues.claimed([claim_from(ALL[0], 1, ago=0)], chosen, 9, took=0)
    assert idle(queues) == "ab"


def test_a_claim_that_was_filled_has_emptied_the_accounts_whose_turn_had_come() -> None:
    """Otherwise the queues of an idle account would be walked by each claim of a busy one."""
    queues = Queues([A, B, C], ["h"], each=9)
    chosen = queues.next(1)
    queues.claimed([claim_from(ALL[2], 1)], chosen, 1, took=0)
    assert idle(queues) == "ab", "the turn of c was not reached"
    chosen = queues.next(1)
    queues.claimed([claim_from(ALL[2], 2)], chosen, 1, took=0)
    assert idle(queues) == "abc"


def test_the_second_turn_of_an_account_comes_after_the_first_of_all() -> None:
    queues = Queues([A, B, C], ["h"], each=9)
    chosen = queues.next(2)
    queues.claimed([claim_from(ALL[0], 1), claim_from(ALL[0], 2)], chosen, 2, took=0)
    assert idle(queues) == "abc"


def test_while_no_account_has_room_nothing_is_looked_at() -> None:
    queues = many(Clock(), each=1)
    assert queues.must_look
    for account in (A, B, C):
        queues.holds(live(account), more=1)
    assert not queues.must_look
    assert names(queues.next(8)) == []
    queues.holds(live(B), more=-1)
    assert queues.must_look


def test_a_look_that_takes_long_gets_a_twentieth_of_the_time() -> None:
    clock = Clock()
    queues = Queues([A], ["one"], each=9, few=1, clock=clock)
    queues.look([], took=0.5)
    clock.now += LOOK_SECONDS
    assert not queues.must_look
    clock.now += 20 * 0.5
    assert queues.must_look


def test_however_long_a_look_took_the_next_one_is_not_put_off_for_long() -> None:
    """A handler that blocks the loop, or a connection that has to be made again, makes a look seem slow."""
    clock = Clock()
    queues = Queues([A], ["h"], each=9, few=1, clock=clock)
    queues.look([], took=3)
    clock.now += 10
    assert queues.must_look
