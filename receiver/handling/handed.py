"""Remember the coroutines that a handler got from its context: one that was never begun is work that is not done."""

import functools
import inspect
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from receiver.errors import ImpossibleError

T = TypeVar("T")
P = ParamSpec("P")

MANY = 100


class Handed:
    """The coroutines of one attempt."""

    def __init__(self) -> None:
        self._work: list[tuple[str, Coroutine[Any, Any, Any]]] = []

    def note(self, name: str, work: Coroutine[Any, Any, Any]) -> None:
        """Remember what a method returned."""
        if len(self._work) >= MANY:
            self._work = self._unbegun()
        self._work.append((name, work))

    def judge(self, name: str) -> None:
        """Refuse the end of a handler that awaited not all of it.

        Raises:
            ImpossibleError: another try would not await it either.
        """
        found = self._unbegun()
        self._work.clear()
        for _, work in found:
            work.close()  # otherwise Python would warn of it too
        for called, _ in found[:1]:
            raise ImpossibleError(
                f"{name} called ctx.{called}() and did not await it: write `await ctx.{called}(…)`, "
                f"or `ctx.wait(ctx.{called}(…))` in a plain `def`"
            )

    def _unbegun(self) -> list[tuple[str, Coroutine[Any, Any, Any]]]:
        return [(name, work) for name, work in self._work if inspect.getcoroutinestate(work) == inspect.CORO_CREATED]


class _Hands(Protocol):
    @property
    def handed(self) -> Handed: ...


S = TypeVar("S", bound=_Hands)


def remembered(
    method: Callable[Concatenate[S, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[S, P], Coroutine[Any, Any, T]]:
    """Let a method's owner remember each coroutine that the method returns."""

    @functools.wraps(method)
    def call(self: S, /, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, T]:
        work = method(self, *args, **kwargs)
        self.handed.note(method.__name__, work)
        return work

    return call
