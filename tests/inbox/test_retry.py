"""`receiver.inbox.retry`: the whole rule for trying a job again, as tables with their arithmetic."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.errors import (
    GiveUp,
    ImpossibleError,
    InsufficientFunds,
    InvalidRequest,
    LeaseLostError,
    NotFound,
    NotReady,
    NoTurn,
    PaymentRequired,
    Postpone,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    Retry,
    Unauthenticated,
)
from receiver.inbox.retry import Again, Dead, Done, Later, RetryPolicy, decide
from receiver.logs.reasons import describe
from tests.hostile_values import AnswersNothing

POLICY = RetryPolicy()


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


# --- the delay -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("tries", "jitter", "wait"), [
    (1, 0.0, 10),        # 10 * 2**0
    (2, 0.0, 20),        # 10 * 2**1
    (3, 0.0, 40),        # 10 * 2**2
    (9, 0.0, 2560),      # 10 * 2**8
    (10, 0.0, 3600),     # 10 * 2**9 = 5120, the limit is 3600
    (11, 0.0, 3600),     # the limit
    (1, 0.5, 12.5),      # 10 * (1 + 0.5/2)
    (3, 0.5, 50),        # 40 * (1 + 0.5/2)
    (10, 0.5, 4500),     # 3600 * (1 + 0.5/2): the limit bounds what is lengthened, not the sum
    (1, 1.0, 15),        # 10 * (1 + 1/2): never reached, jitter is below 1
    (2000, 0.0, 3600),   # 2.0 ** 1999 would overflow
    (10**9, 0.0, 3600),
])  # fmt: skip
def test_the_delay_doubles_up_to_a_limit(tries: int, jitter: float, wait: float) -> None:
    assert POLICY.delay(tries, jitter=jitter) == seconds(wait)


@pytest.mark.parametrize(("policy", "waits"), [
    (RetryPolicy(first=seconds(1), limit=seconds(5)), [1, 2, 4, 5, 5]),
    (RetryPolicy(first=seconds(3), limit=seconds(3)), [3, 3, 3]),
    (RetryPolicy(first=seconds(0)), [0, 0, 0]),
    (RetryPolicy(first=seconds(0), limit=seconds(0)), [0, 0]),
    (RetryPolicy(first=seconds(0.25), limit=seconds(60)), [0.25, 0.5, 1, 2]),
])  # fmt: skip
def test_every_policy_has_its_own_delays(policy: RetryPolicy, waits: list[float]) -> None:
    assert [policy.delay(n, jitter=0) for n in range(1, len(waits) + 1)] == [seconds(wait) for wait in waits]


def test_a_policy_beyond_every_calendar_still_has_a_delay() -> None:
    policy = RetryPolicy(first=timedelta.max, limit=timedelta.max)
    assert policy.delay(5, jitter=0.9) == timedelta(days=365)
    assert isinstance(decide(policy, 5, ValueError("x"), jitter=0.9), Again)


def test_the_default_policy_tries_ten_times_over_about_an_hour_and_a_half() -> None:
    """Nine waits, 10 s * (2**9 - 1) = 5110 s = 85 min; half as much again at most."""
    assert POLICY.attempts == 10
    assert sum((POLICY.delay(n, jitter=0) for n in range(1, 10)), timedelta()) == seconds(5110)
    assert sum((POLICY.delay(n, jitter=1) for n in range(1, 10)), timedelta()) == seconds(7665)


@given(
    st.integers(1, 10_000),
    st.floats(0, 1, exclude_max=True),
    st.timedeltas(timedelta(0), timedelta(days=30)),
    st.timedeltas(timedelta(0), timedelta(days=30)),
)
def test_jitter_lengthens_by_up_to_half_and_never_shortens(
    tries: int, jitter: float, first: timedelta, more: timedelta
) -> None:
    policy = RetryPolicy(first=first, limit=first + more)
    bare, lengthened = policy.delay(tries, jitter=0), policy.delay(tries, jitter=jitter)
    assert first <= bare <= policy.limit
    assert bare <= lengthened <= bare * 1.5 + timedelta.resolution  # each of them is rounded
    assert bare <= policy.delay(tries + 1, jitter=0)


@pytest.mark.parametrize(("attempts", "first", "limit"), [
    (0, seconds(10), seconds(60)),
    (-1, seconds(10), seconds(60)),
    (1, seconds(-1), seconds(60)),
    (1, timedelta(microseconds=-1), seconds(60)),
    (1, seconds(61), seconds(60)),
    (1, seconds(-2), seconds(-1)),
])  # fmt: skip
def test_a_policy_that_makes_no_sense_cannot_be_made(attempts: int, first: timedelta, limit: timedelta) -> None:
    with pytest.raises(ValueError, match="attempts >= 1 and 0 <= first <= limit"):
        RetryPolicy(attempts=attempts, first=first, limit=limit)


@pytest.mark.parametrize(("attempts", "first", "limit"), [
    (1, seconds(0), seconds(0)),
    (1, seconds(60), seconds(60)),
    (10**6, timedelta(microseconds=1), timedelta(days=30)),
])  # fmt: skip
def test_a_policy_at_its_bounds_can_be_made(attempts: int, first: timedelta, limit: timedelta) -> None:
    assert RetryPolicy(attempts=attempts, first=first, limit=limit).attempts == attempts


# --- what an error does ----------------------------------------------------------------------------------------------


def test_a_handler_that_returned_is_done_on_any_try() -> None:
    assert [decide(POLICY, tries, None, jitter=0.5) for tries in (1, 10, 11)] == [Done()] * 3


class BareProviderError(ProviderError):
    """An error of a provider that no rule names."""


class Passing(NotReady):
    """What will be ready later."""

    passing = True


LATER = [
    # the error, and how long it waits without counting
    (Postpone("p"), 60),
    (Postpone("p", after=0), 1),
    (Postpone("p", after=-5), 1),
    (Postpone("p", after=90), 90),
    (Postpone("p", after=1.5), 1.5),
    (Postpone("p", after=timedelta(days=2)), 172_800),
    (RateLimited("slow", code="rate_limited", status=429), 60),
    (RateLimited("slow", code="rate_limited", status=429, retry_after=seconds(17)), 17),
    (RateLimited("slow", code="rate_limited", status=429, retry_after=seconds(0)), 1),
    (InsufficientFunds("poor", code="insufficient_funds", status=402), 3600),
    (PaymentRequired("poor", code="max_charge_exceeded", status=402), 3600),
    (PaymentRequired("poor", code="x", status=402, retry_after=seconds(5)), 3600),
    (Unauthenticated("who", code="unauthenticated", status=401), 300),
]

AGAIN = [
    # the error, and how long it waits after the third try: 10 s * 2**2, unless the handler says
    (Passing("wait", code="not_ready", status=409), 40),
    (ProviderUnavailable("down", code="http_503", status=503), 40),
    (ProviderUnavailable("down", code="http_500", status=500), 40),
    (ProviderUnavailable("gone", code="transport"), 40),
    (ProviderUnavailable("odd", code="malformed_answer"), 40),
    (BareProviderError("new", code="new", status=409), 40),
    (TimeoutError("it did not end within 30 s"), 40),
    (ValueError("x"), 40),
    (KeyError("x"), 40),
    (LeaseLostError("x"), 40),
    (ExceptionGroup("many", [ValueError("x")]), 40),
    (SystemExit(1), 40),
    (BaseException("x"), 40),
    (Retry("r"), 40),
    (Retry("r", after=0), 0),
    (Retry("r", after=7), 7),
    (Retry("r", after=timedelta(days=1)), 86_400),
]

DEAD = [
    GiveUp("g"),
    ImpossibleError("no"),
    NotReady("no", code="not_ready", status=409),
    InvalidRequest("bad", code="invalid_request", status=400),
    InvalidRequest("bad", code="http_422", status=422),
    NotFound("none", code="not_found", status=404),
]


def named(error: BaseException) -> str:
    return f"{type(error).__name__} {getattr(error, 'reason', None) or getattr(error, 'code', '')}"


@pytest.mark.parametrize(("error", "wait"), LATER, ids=[f"{named(e)} {w}" for e, w in LATER])
@pytest.mark.parametrize("tries", [1, 10, 1000])
def test_what_is_not_the_jobs_fault_waits_uncounted_however_often(
    error: BaseException, wait: float, tries: int
) -> None:
    outcome = decide(POLICY, tries, error, jitter=0.9)
    assert isinstance(outcome, Later)
    assert (outcome.after, outcome.reason) == (seconds(wait), describe(error))


@pytest.mark.parametrize(("error", "lacks"), [
    (InsufficientFunds("no", code="insufficient_funds"), True),
    (Unauthenticated("no", code="unauthenticated"), True),
    (RateLimited("slow", code="out_of_turns", retry_after=seconds(3)), True),
    (RateLimited("slow", code="rate_limited", retry_after=seconds(3)), True),
    (RateLimited("no more questions", code="quota"), False),
    (NoTurn("away", code="no_turn"), False),
    (Postpone("later"), False),
], ids=lambda one: type(one).__name__)  # fmt: skip
def test_what_the_account_lacks_other_jobs_lack_too(error: BaseException, *, lacks: bool) -> None:
    outcome = decide(POLICY, 1, error, jitter=0)
    assert isinstance(outcome, Later)
    assert outcome.account_lacks is lacks


@pytest.mark.parametrize(("error", "wait"), AGAIN, ids=[f"{named(e)} {w}" for e, w in AGAIN])
def test_what_may_pass_is_tried_again(error: BaseException, wait: float) -> None:
    assert decide(POLICY, 3, error, jitter=0.0) == Again(seconds(wait), describe(error))


@pytest.mark.parametrize("error", [e for e, _ in AGAIN], ids=[f"{named(e)} {w}" for e, w in AGAIN])
def test_what_may_pass_is_dead_when_its_tries_are_used_up(error: BaseException) -> None:
    policy = RetryPolicy(attempts=4)
    assert isinstance(decide(policy, 3, error, jitter=0.0), Again)
    assert decide(policy, 4, error, jitter=0.0) == Dead(f"{describe(error)} (tried 4 times)")
    assert decide(policy, 5, error, jitter=0.0) == Dead(f"{describe(error)} (tried 5 times)")


@pytest.mark.parametrize("error", DEAD, ids=named)
@pytest.mark.parametrize("tries", [1, 10])
def test_what_can_never_help_is_dead_at_once(error: BaseException, tries: int) -> None:
    assert decide(POLICY, tries, error, jitter=0.0) == Dead(describe(error))


def test_jitter_lengthens_the_policys_delay_and_not_what_was_asked_for() -> None:
    assert decide(POLICY, 1, ValueError("x"), jitter=0.5) == Again(seconds(12.5), "ValueError: x")
    assert decide(POLICY, 1, Retry("r", after=8), jitter=0.5) == Again(seconds(8), describe(Retry("r")))


def test_a_provider_error_says_its_status_and_whom_to_ask_about_it() -> None:
    outcome = decide(POLICY, 1, NotFound("no such", code="not_found", status=404, request_id="req_7"), jitter=0)
    assert isinstance(outcome, Dead)
    for said in ("404", "not_found", "no such", "req_7"):
        assert said in outcome.reason


def test_whatever_a_strangers_exception_holds_a_job_has_an_outcome() -> None:
    class LeavesError(Exception):
        def __str__(self) -> str:
            raise SystemExit(5)

    assert isinstance(decide(RetryPolicy(), 1, LeavesError(), jitter=0), Again)
    odd = Postpone("later")
    odd.after = "soon"  # type: ignore[assignment] # a user may do that
    assert decide(RetryPolicy(), 1, odd, jitter=0) == Later(timedelta(minutes=1), "later")


class HostileError(AnswersNothing, Postpone):
    """An exception with the name of one of ours, but without its time."""


def test_an_exception_that_can_be_asked_for_nothing_is_tried_again_and_dead_at_last() -> None:
    assert isinstance(decide(POLICY, 1, HostileError(), jitter=0), Again)
    assert decide(POLICY, 10, HostileError(), jitter=0) == Dead("HostileError (tried 10 times)")


GROUPS = [
    # what a group holds, and what becomes of the job after the third try
    ([ValueError("x")], Again),
    ([GiveUp("never")], Dead),
    ([Postpone("p", after=5)], Later),
    ([Postpone("p", after=5), ValueError("x")], Again),
    ([ValueError("x"), GiveUp("never"), Postpone("p")], Dead),
    ([ExceptionGroup("inner", [ExceptionGroup("inmost", [GiveUp("never")])])], Dead),
    ([Retry("r", after=7), Postpone("p", after=9)], Again),
]


@pytest.mark.parametrize(("held", "outcome"), GROUPS)
def test_a_group_is_decided_by_the_gravest_of_what_it_holds(held: list[Exception], outcome: type) -> None:
    """A verdict that is raised in a task of a TaskGroup comes in one."""
    assert type(decide(POLICY, 3, ExceptionGroup("two", held), jitter=0)) is outcome


def test_a_group_waits_as_long_as_its_longest() -> None:
    limited = [RateLimited("slow", code="rate_limited", retry_after=seconds(wait)) for wait in (3, 17, 5)]
    group = ExceptionGroup("three", limited)
    assert decide(POLICY, 3, group, jitter=0) == Later(seconds(17), describe(group), account_lacks=True)


@pytest.mark.parametrize("verdict", [GiveUp, Retry, Postpone])
def test_a_verdict_may_be_raised_bare(verdict: type[Exception]) -> None:
    assert describe(verdict()) == "no reason given"


@pytest.mark.parametrize(("wrong", "said"), [
    ({"attempts": "3"}, "RetryPolicy: attempts must be a whole number such as 10, not '3'"),
    ({"attempts": 3.0}, "RetryPolicy: attempts must be a whole number such as 10, not 3.0"),
    ({"attempts": True}, "RetryPolicy: attempts must be a whole number such as 10, not True"),
    ({"attempts": None}, "RetryPolicy: attempts must be a whole number such as 10, not None"),
    ({"first": 5}, "RetryPolicy: first must be a timedelta such as timedelta(seconds=10), not 5"),
    ({"first": "5"}, "RetryPolicy: first must be a timedelta such as timedelta(seconds=10), not '5'"),
    ({"limit": 3600.0}, "RetryPolicy: limit must be a timedelta such as timedelta(seconds=10), not 3600.0"),
])  # fmt: skip
def test_a_policy_of_other_kinds_cannot_be_made(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(TypeError) as refused:
        RetryPolicy(**wrong)
    assert str(refused.value) == said
