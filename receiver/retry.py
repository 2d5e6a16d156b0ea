"""When a job is tried again. Pure: no clock, no database, no randomness of its own.

    pending ──claim──▶ running ──returned──────────▶ done
       ▲                  │
       ├──Again, Later────┤
       │                  └──GiveUp, exhausted─────▶ dead
       └───────────────────────replay────────────────┘

`attempt` counts claims and only grows. A claim that was postponed or given back is *uncounted*; what is left are the
*tries*, and a job is exhausted when they reach its handler's maximum.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

from receiver.errors import (
    GiveUp,
    ImpossibleError,
    InvalidRequest,
    NotReady,
    PaymentRequired,
    Postpone,
    ProviderError,
    RateLimited,
    Retry,
    Unauthenticated,
    Verdict,
)

MINUTE = timedelta(minutes=1)
LONGEST = timedelta(days=365)  # what is later than that is a mistake, and PostgreSQL's calendar ends somewhere
REASON_LENGTH = 2000


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how far apart a handler's jobs are tried.

    Delays double from `first` up to `limit`, each lengthened by up to half at random, so that jobs that failed
    together do not come back together. The defaults try ten times over about an hour and a half.
    """

    attempts: int = 10
    first: timedelta = timedelta(seconds=10)
    limit: timedelta = timedelta(hours=1)

    def __post_init__(self) -> None:
        if self.attempts < 1 or self.first < timedelta(0) or self.limit < self.first:
            raise ValueError("a RetryPolicy needs attempts >= 1 and 0 <= first <= limit")

    def delay(self, tries: int, *, jitter: float) -> timedelta:
        """Return how long to wait after `tries` failed tries; `jitter` is in [0, 1)."""
        # 10 s, 20 s, 40 s, … limit; the exponent is bounded because 2.0 ** 1024 overflows.
        doubled = self.first.total_seconds() * 2.0 ** min(tries - 1, 60)
        return _bounded(timedelta(seconds=min(doubled, self.limit.total_seconds()) * (1 + jitter / 2)))


@dataclass(frozen=True, slots=True)
class Done:
    """The handler returned."""


@dataclass(frozen=True, slots=True)
class Again:
    """Try again `after`; this try counted."""

    after: timedelta
    reason: str


@dataclass(frozen=True, slots=True)
class Later:
    """Try again `after`; this try did not count."""

    after: timedelta
    reason: str


@dataclass(frozen=True, slots=True)
class Dead:
    """Do not try again by yourself."""

    reason: str


Outcome: TypeAlias = Done | Again | Later | Dead


def decide(policy: RetryPolicy, tries: int, error: BaseException | None, *, jitter: float) -> Outcome:
    """Return what becomes of a job whose handler ended with `error`, or returned (None), on its `tries`-th try."""
    if error is None:
        return Done()
    reason = describe(error)
    wait = _wait_uncounted(error)
    if wait is not None:
        return Later(_bounded(wait), reason)
    if isinstance(error, GiveUp) or _is_final(error):
        return Dead(reason)
    if tries >= policy.attempts:
        return Dead(f"{reason} (tried {tries} times)")
    asked = error.after if isinstance(error, Retry) else None
    return Again(policy.delay(tries, jitter=jitter) if asked is None else _bounded(asked), reason)


def _bounded(after: object) -> timedelta:
    if not isinstance(after, timedelta):
        return MINUTE  # a stranger may have set the attribute to anything
    return min(max(after, timedelta(0)), LONGEST)


def describe(error: BaseException) -> str:
    """Return an error as one storable text: PostgreSQL refuses NUL and half surrogate pairs."""
    name = type(error).__name__
    try:
        said = str(error).encode("utf-8", "replace").decode("utf-8").replace("\x00", "")
    except BaseException:  # noqa: BLE001 - a stranger's __str__, which may raise SystemExit too
        return name
    if isinstance(error, Verdict | ProviderError | ImpossibleError) and said:
        return said[:REASON_LENGTH]  # written for people, by a handler, by the provider or by us
    return f"{name}: {said}"[:REASON_LENGTH] if said else name


def _wait_uncounted(error: BaseException) -> timedelta | None:
    """Return how long to wait for what is not the job's fault: the postponed, money, the rate limit, a wrong key."""
    match error:
        case Postpone(after=after):
            return MINUTE if after is None else after
        case RateLimited(retry_after=after):
            return MINUTE if after is None else after
        case PaymentRequired():
            return timedelta(hours=1)
        case Unauthenticated():
            return timedelta(minutes=5)
        case _:
            return None


def _is_final(error: BaseException) -> bool:
    """Whether trying again can never help."""
    match error:
        case NotReady(reason=reason):
            return reason != "transcription_processing"
        case InvalidRequest() | ImpossibleError():
            return True
        case _:
            return False
