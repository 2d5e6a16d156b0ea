"""Decide when a job is tried again. Pure: this module uses no clock, no database and no random numbers of its own.

       ┌────────────────bury───────────────┐
       │                                   ▼
    pending ──claim──▶ running ──Dead───▶ dead ──┬──drop──▶ dropped ──┐
       ▲                  ├──────Done───▶ done ──┤                    │
       ├───Again, Later───┤                      │                    │
       ├─────release──────┘                      │                    │
       └─────────────────replay──────────────────┴────────────────────┘

`release`: the worker gives the job back unfinished. `bury`: the job is due, but can never be claimed. `drop`: a person
leaves a dead job, or a pending one whose handler is gone.

`attempt` counts the claims of a job, and only grows. A claim is *uncounted* if its outcome is `Later`, or if the worker
gave the job back. A replay makes all earlier claims uncounted. The *tries* are the claims that count. If a try fails
and the tries have reached the handler's maximum (`RetryPolicy.attempts`), the job is dead.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeAlias

from receiver.errors import (
    GiveUp,
    ImpossibleError,
    InvalidRequest,
    NotReady,
    NoTurn,
    PaymentRequired,
    Postpone,
    RateLimited,
    Retry,
    Unauthenticated,
)
from receiver.logs.reasons import describe, leaves, plain, shown

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
LONGEST = timedelta(days=365)  # a longer wait is a mistake, and PostgreSQL cannot store every later date


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a handler's jobs are tried, and how long the pauses between the tries are.

    Delays double from `first` up to `limit`. Each delay gets a random addition of up to half of itself, so that jobs
    that failed together do not come back together. The defaults try ten times, over one and a half to two hours.
    """

    attempts: int = 10
    first: timedelta = timedelta(seconds=10)
    limit: timedelta = timedelta(hours=1)

    def __post_init__(self) -> None:
        """Refuse values that make no sense.

        Raises:
            TypeError: `attempts` is not a whole number, or `first` or `limit` is not a timedelta.
            ValueError: the values do not fit together.
        """
        if not isinstance(self.attempts, int) or isinstance(self.attempts, bool):
            raise TypeError(f"RetryPolicy: attempts must be a whole number such as 10, not {shown(self.attempts)}")
        for name, value in (("first", self.first), ("limit", self.limit)):
            if not isinstance(value, timedelta):
                raise TypeError(
                    f"RetryPolicy: {name} must be a timedelta such as timedelta(seconds=10), not {shown(value)}"
                )
        if self.attempts < 1 or self.first < timedelta(0) or self.limit < self.first:
            raise ValueError("a RetryPolicy needs attempts >= 1 and 0 <= first <= limit")

    def delay(self, tries: int, *, jitter: float) -> timedelta:
        """Return how long to wait after `tries` failed tries. `jitter` is at least 0 and below 1."""
        # 10 s, 20 s, 40 s, … limit; the exponent is bounded because 2.0 ** 1024 overflows.
        doubled = self.first.total_seconds() * 2.0 ** min(tries - 1, 60)
        longest = min(self.limit, LONGEST).total_seconds()
        return _bounded(timedelta(seconds=min(doubled, longest) * (1 + jitter / 2)))


@dataclass(frozen=True, slots=True)
class Done:
    """The handler returned."""


@dataclass(frozen=True, slots=True)
class Again:
    """Try again after the time `after`. This try counts."""

    after: timedelta
    reason: str


@dataclass(frozen=True, slots=True)
class Later:
    """Try again after the time `after`. This try does not count.

    `account_lacks`: the job's account lacks turns, money or a key that is accepted, so other jobs lack them too.
    """

    after: timedelta
    reason: str
    account_lacks: bool = False


@dataclass(frozen=True, slots=True)
class Dead:
    """Do not try again, unless a person replays the job."""

    reason: str


Outcome: TypeAlias = Done | Again | Later | Dead


def decide(policy: RetryPolicy, tries: int, error: BaseException | None, *, jitter: float, home: str = "") -> Outcome:
    """Return the outcome of a job's `tries`-th try. `error` is the handler's exception; None if the handler returned.

    In an exception group, the member with the gravest outcome decides: `Dead`, then `Again`, then `Later`, then the
    longest delay. This function never raises, whatever the user's exception is. `home` is the handler's module: see
    `describe`.
    """
    if error is None:
        return Done()
    reason = describe(error, home)
    try:
        outcomes = [_decide(policy, tries, leaf, reason, jitter) for leaf in leaves(error)]
        return max(outcomes, key=_gravity)
    except BaseException:  # noqa: BLE001 - a user's exception can raise anything when it is read
        return _failed(policy, tries, None, reason, jitter)


def _decide(policy: RetryPolicy, tries: int, error: BaseException, reason: str, jitter: float) -> Again | Later | Dead:
    wait = _wait_uncounted(error)
    if wait is not None:
        # At least a second: nothing ends the job, and without a pause it would be claimed hundreds of times a second.
        return Later(max(_bounded(wait), SECOND), reason, account_lacks=_account_lacks(error))
    if isinstance(error, GiveUp) or _is_final(error):
        return Dead(reason)
    asked = error.after if isinstance(error, Retry) else None
    return _failed(policy, tries, asked, reason, jitter)


def _failed(policy: RetryPolicy, tries: int, asked: object, reason: str, jitter: float) -> Again | Dead:
    if tries >= policy.attempts:
        return Dead(f"{reason} (tried {tries} times)")
    return Again(policy.delay(tries, jitter=jitter) if asked is None else _bounded(asked), reason)


def _gravity(outcome: Again | Later | Dead) -> tuple[int, timedelta]:
    match outcome:
        case Later(after=after):
            return 0, after
        case Again(after=after):
            return 1, after
        case Dead():
            return 2, timedelta(0)


def _bounded(after: object) -> timedelta:
    if not isinstance(after, timedelta):
        return MINUTE  # a handler can set `after` to anything
    return min(max(after, timedelta(0)), LONGEST)


def with_storable_reason(outcome: Outcome, refusal: str) -> Outcome:
    """Replace a reason that the database has refused by one that it accepts. `Done` has no reason, and is unchanged."""
    if isinstance(outcome, Done):
        return outcome
    return replace(outcome, reason=plain(f"the error's text is only in the log; the database refuses it: {refusal}"))


def _wait_uncounted(error: BaseException) -> timedelta | None:
    """Return how long to wait if the try does not count, because the job is not at fault; None if the try counts."""
    match error:
        case Postpone(after=after):
            return MINUTE if after is None else after
        case RateLimited(retry_after=after):
            return MINUTE if after is None else after
        case NoTurn():
            return MINUTE
        case PaymentRequired():
            return timedelta(hours=1)
        case Unauthenticated():
            return timedelta(minutes=5)
        case _:
            return None


def _account_lacks(error: BaseException) -> bool:
    """Return whether other jobs that ask the provider would end alike until the wait is over.

    A 429 can be about one spent allowance. Without a database nothing is known about turns.
    """
    match error:
        case PaymentRequired() | Unauthenticated():
            return True
        case RateLimited(retry_after=after, of_every_request=is_of_all):
            return is_of_all or after is not None
        case _:
            return False


def _is_final(error: BaseException) -> bool:
    """Return whether every further try would fail too."""
    match error:
        case NotReady(passing=passing):
            return not passing
        case InvalidRequest() | ImpossibleError():
            return True
        case _:
            return False
