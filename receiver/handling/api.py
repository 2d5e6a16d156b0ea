"""The handler API: `@handler` and `Handler`.

    @handler("transcription.completed")
    async def announce(event: Event, ctx: Context) -> None: ...

A worker calls the handler's function for each job: an `async def` on its event loop, a plain `def` in its own
thread. If the function returns, the job is done. If it raises, the job is retried by the handler's policy; `Retry`,
`Postpone` and `GiveUp` decide otherwise. `receiver.inbox.retry` has the whole rule.
"""

import functools
import inspect
import re
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias, cast

from receiver.errors import HandlerLoadError
from receiver.events import NOTICES, SUBMISSION, Event, is_pattern
from receiver.handling import made, returned, threads
from receiver.handling.context import Context
from receiver.inbox.retry import RetryPolicy
from receiver.logs.reasons import shown
from receiver.providers import SOURCES

Function: TypeAlias = "Callable[[Event, Context], Awaitable[None]] | Callable[[Event, Context], None]"

NAME_LENGTH = 100
LONGEST_TIMEOUT_SECONDS = 7 * 24 * 3600  # a longer timeout is a mistake

_VARIABLE = re.compile("[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Handler:
    """A function that wants events of some types. Call it like that function, and await the result, `def` or not.

    Attributes:
        patterns: a type (`transcription.completed`), a family (`transcription.*`), or `*`.
        name: names its jobs. A changed name orphans the unfinished jobs.
        timeout: how many seconds one attempt can take.
        sources: the sources whose events it wants; None for all.
        needs: the variable without which it is left out; None if it needs none.

    Raises:
        HandlerLoadError: the handler could never run like this.
    """

    function: Function
    patterns: tuple[str, ...]
    name: str
    retry: RetryPolicy
    timeout: float
    sources: tuple[str, ...] | None = None
    needs: str | None = None

    def __post_init__(self) -> None:
        # Every handler is checked here: a mistake that is not refused now would show only in a job, or never.
        _check_name(self.name)
        wrong = _wrong_patterns(self.patterns) or _wrong_sources(self.sources) or _wrong_needs(self.needs)
        wrong = wrong or _wrong_function(self.function) or _wrong_limits(self)
        if wrong:
            raise HandlerLoadError(f"{self.name}: {wrong}")
        made.note(self)

    async def __call__(self, event: Event, ctx: Context) -> None:
        """Handle one event. A plain function runs in its own thread. If it returns an awaitable, that is awaited here.

        Raises:
            ImpossibleError: the function returned work that it has not done, or an error that it has not raised, or
                called a coroutine of `ctx` and did not await it.
        """
        if _is_any(self.function, inspect.iscoroutinefunction):
            result: object = await cast("Awaitable[object]", self.function(event, ctx))
        else:
            result = await threads.run(self.function, event, ctx)
            if inspect.isawaitable(result):  # a plain decorator around an `async def` returns one
                result = await result
        returned.judge(self.name, result, home=self.module)
        if isinstance(ctx, Context):  # a user's test can pass another object
            ctx.handed.judge(self.name)

    def wants(self, event_type: str, source: str) -> bool:
        """Whether this handler gets a job for events of this type from this source."""
        return self.listens_to(source) and any(matches(pattern, event_type) for pattern in self.patterns)

    def listens_to(self, source: str) -> bool:
        """Whether this handler wants any events of this source."""
        return self.sources is None or source in self.sources

    @property
    def module(self) -> str:
        """The module where its function was written."""
        return str(getattr(_written(self.function), "__module__", None) or type(self.function).__module__)

    @property
    def file(self) -> str:
        """The file where its function was written."""
        code = getattr(_written(self.function), "__code__", None)
        return str(code.co_filename if code else getattr(sys.modules.get(self.module), "__file__", self.module))


def matches(pattern: str, event_type: str) -> bool:
    """Whether a type matches a pattern. The events of our own work match none, and notices are not meant by `*`."""
    if event_type == SUBMISSION:
        return False
    if pattern == "*":
        return not event_type.startswith(NOTICES)
    return pattern == event_type or (pattern.endswith(".*") and event_type.startswith(pattern[:-1]))


def handler(
    *patterns: str,
    name: str | None = None,
    retry: RetryPolicy | None = None,
    timeout: float = 30.0,
    sources: tuple[str, ...] | None = None,
    needs: str | None = None,
) -> Callable[[Function], Handler]:
    """Turn a function into a `Handler` of events whose type matches one of `patterns`.

    An `async def` runs on the worker's event loop and must not block it. A plain `def` runs in a thread and can block.

    Args:
        patterns: types, families such as `transcription.*`, or `*`.
        name: names its jobs; by default the function's name.
        retry: how often failed jobs are retried, and with which pauses.
        timeout: how many seconds one attempt can take.
        sources: such as `("transcribe.so",)`; by default events of every source are wanted.
        needs: a variable such as `"NEWSROOM_URL"`. Where it is not set, the handler is left out, as if its file were
            not there. `ctx.setting` reads it.

    Raises:
        HandlerLoadError: the handler could never run like this.
    """
    wrong = _wrong_patterns(patterns)  # checked now: a bare `@handler` would silently make no handler
    if wrong:
        raise HandlerLoadError(wrong if name is None else f"{shown(name)}: {wrong}")

    def wrap(function: Function) -> Handler:
        called = getattr(function, "__name__", None) if name is None else name
        if called is None or (name is None and called == "<lambda>"):
            wrong = _wrong_function(function) or 'it has no name: give it one, @handler(…, name="…")'
            raise HandlerLoadError(f"{shown(function)}: {wrong}")
        policy = RetryPolicy() if retry is None else retry
        return Handler(function, patterns, called, policy, timeout, sources, needs)

    return wrap


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not name.strip() or not name.isprintable() or len(name) > NAME_LENGTH:
        raise HandlerLoadError(
            f"a handler's name is a printable text of 1 to {NAME_LENGTH} characters, not {shown(name)}"
        )


def _wrong_patterns(patterns: object) -> str | None:
    if isinstance(patterns, tuple):
        wrong = [pattern for pattern in patterns if not isinstance(pattern, str) or not is_pattern(pattern)]
    else:
        wrong = [patterns]
    if patterns and not wrong:
        return None
    instead = f", not {shown(wrong[0])}" if wrong else ""
    return f'@handler needs patterns such as "transcription.completed", "transcription.*"{instead}'


def _wrong_sources(sources: object) -> str | None:
    if sources is None:
        return None
    known = [kind.name for kind in SOURCES]
    wrong = [sources]
    if isinstance(sources, tuple) and sources:
        wrong = [source for source in sources if source not in known]
    if not wrong:
        return None
    return f'sources must be a tuple such as ("{known[0]}",), not {shown(wrong[0])}; there are {", ".join(known)}'


def _wrong_needs(needs: object) -> str | None:
    if needs is None or (isinstance(needs, str) and _VARIABLE.fullmatch(needs)):
        return None
    return f'needs must be the name of a variable such as "NEWSROOM_URL", not {shown(needs)}'


def _wrong_function(function: object) -> str | None:
    """Return why a function cannot be a handler; None if it can."""
    if isinstance(function, Handler):
        return "is a handler already: give all its patterns to one @handler"
    if isinstance(function, type) or not callable(function):
        return f"a handler is a function, not {'a class' if isinstance(function, type) else shown(function)}"
    if _is_any(function, inspect.isgeneratorfunction) or _is_any(function, inspect.isasyncgenfunction):
        return "a handler does not yield"
    try:
        signature = inspect.signature(function)
        given = signature.bind(None, None).arguments
    except (TypeError, ValueError):
        return "a handler is called with an event and a context"
    roles = [_role(signature.parameters[name]) for name in given]
    if roles[:1] == ["Context"] or roles[1:] == ["Event"]:
        return "its parameters are an event and a context, in this order"
    return None


def _role(parameter: inspect.Parameter) -> str:
    """Return `Event` or `Context` if a parameter's annotation, or else its name, says so; otherwise another string."""
    annotation = parameter.annotation
    if annotation is inspect.Parameter.empty:
        return {"event": "Event", "ctx": "Context", "context": "Context"}.get(parameter.name.strip("_"), "")
    if annotation is Event or annotation is Context:
        return str(annotation.__name__)
    return annotation.rpartition(".")[2] if isinstance(annotation, str) else ""  # a string if it is not evaluated


def _wrong_limits(handler: Handler) -> str | None:
    retry, timeout = handler.retry, handler.timeout
    if not isinstance(retry, RetryPolicy):
        return f"retry must be a RetryPolicy such as RetryPolicy(attempts=3), not {shown(retry)}"
    is_number = isinstance(timeout, int | float) and not isinstance(timeout, bool)
    if not is_number or not 0 < timeout <= LONGEST_TIMEOUT_SECONDS:
        return f"timeout must be a positive number of seconds, at most {LONGEST_TIMEOUT_SECONDS}, not {shown(timeout)}"
    return None


def _is_any(function: object, kind: Callable[[object], bool]) -> bool:
    """Whether a function is of a kind. For another callable object, whether its `__call__` is of that kind."""
    return kind(function) or kind(type(function).__call__)


def _written(function: object) -> object:
    """Return the function as it was written, without decorators, partial arguments and callable objects around it."""
    while isinstance(function, functools.partial):
        function = function.func
    function = inspect.unwrap(cast("Callable[..., object]", function))
    return function if hasattr(function, "__code__") else type(function).__call__
