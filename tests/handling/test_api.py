"""`receiver.handling.api`: what `@handler` takes, and which events a handler wants."""

import functools
import math
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from receiver import Context, Event, Handler, RetryPolicy, handler
from receiver.errors import HandlerLoadError
from receiver.testing import Scratch


async def works(event: Event, ctx: Context) -> None:
    """Do nothing."""


def yields(_event: Event, _ctx: Context) -> Iterator[None]:
    """Do nothing, and that only when asked."""
    yield


async def yields_later(_event: Event, _ctx: Context) -> AsyncIterator[None]:
    """Do nothing either."""
    yield


@handler("transcription.completed")
async def example(event: Event, ctx: Context) -> None:
    """Do nothing."""


def swapped_by_annotations(a: Context, b: Event) -> None:
    """Do nothing."""


def swapped_by_names(ctx, event):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201 - as many are written
    """Do nothing."""


def swapped_by_texts(a: "Context", b: "receiver.Event") -> None:  # type: ignore[name-defined]  # noqa: F821
    """Do nothing."""


def swapped_and_not_used(_ctx, _):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Do nothing."""


def named_the_other_way(ctx: Event, event: Context) -> None:
    """Do nothing. The annotations say what the names do not."""


class Objects:
    """A class, its methods, and what can be called."""

    def forgetful(self, event: Event) -> None:
        """Do nothing."""

    def whole(self, event: Event, ctx: Context) -> None:
        """Do nothing."""

    async def __call__(self, event: Event, ctx: Context) -> None:
        """Do nothing."""


class Yielding:
    """An object that yields when it is called."""

    def __call__(self, _event: Event, _ctx: Context) -> Iterator[None]:
        yield


PATTERNS = '@handler needs patterns such as "transcription.completed", "transcription.*"'
NAME = "a handler's name is a printable text of 1 to 100 characters, not "
RETRY = "works: retry must be a RetryPolicy such as RetryPolicy(attempts=3), not "
SOURCES = 'works: sources must be a tuple such as ("transcribe.so",), not '
TIMEOUT = "works: timeout must be a positive number of seconds, at most 604800, not "
ORDER = "its parameters are an event and a context, in this order"
UNNAMED = 'it has no name: give it one, @handler(…, name="…")'

Case = tuple[dict[str, Any], Any, str]  # the arguments of @handler, the function, and what is said


def each(argument: str, values: Iterable[Any], said: str) -> list[Case]:
    return [({argument: value}, works, f"{said}{value!r}") for value in values]


REFUSED: list[Case] = [
    ({"patterns": []}, works, PATTERNS),
    ({"patterns": [works]}, works, f"{PATTERNS}, not <function works"),
    ({"patterns": ["a.b", ""]}, works, f"{PATTERNS}, not ''"),
    *(({"patterns": [pattern]}, works, f"{PATTERNS}, not {pattern!r}") for pattern in (
        "a*", "*.b", "a.*.b", "A.b", "a..b", "a.", "a. b", "a.b\n", b"a.b", ["a.b"], ("a.b",), None, 1,
    )),
    *each("retry", [3, 0, True, False, "3", "", {}, [], RetryPolicy, timedelta(seconds=5)], RETRY),
    *each("timeout", ["60", math.nan, math.inf, -math.inf, 0, -1, True, None, 604801, timedelta(seconds=60)], TIMEOUT),
    ({"timeout": 10**400}, works, f"{TIMEOUT}1000"),
    *(({"sources": sources}, works, f"{SOURCES}{wrong!r}; there are transcribe.so, ") for sources, wrong in (
        ((), ()), ("transcribe.so", "transcribe.so"), (["transcribe.so"], ["transcribe.so"]), (b"x", b"x"), (3, 3),
        (("transcribe.so", "other.example"), "other.example"), (("Transcribe.so",), "Transcribe.so"), (("",), ""),
        ((None,), None), (([],), []), (("transcribe.so", ("transcribe.so",)), ("transcribe.so",)),
    )),
    *each("name", ["", " ", "a\nb", "a\0b", "\ud800", "\x1b[2J", 3, b"mine", []], NAME),
    ({"name": "x" * 101}, works, f"{NAME}'xxx"),
    *(({}, function, f"{function.__name__}: {ORDER}") for function in (
        swapped_by_annotations, swapped_by_names, swapped_by_texts, swapped_and_not_used, Objects.forgetful,
    )),
    ({}, yields, "yields: a handler does not yield"),
    ({}, yields_later, "yields_later: a handler does not yield"),
    ({"name": "partial"}, functools.partial(yields), "partial: a handler does not yield"),
    ({"name": "object"}, Yielding(), "object: a handler does not yield"),
    ({}, Objects, "Objects: a handler is a function, not a class"),
    ({}, Objects.whole, "whole: a handler is called with an event and a context"),
    ({"name": "one"}, lambda _: None, "one: a handler is called with an event and a context"),
    ({"name": "three"}, lambda _, __, ___: None, "three: a handler is called with an event and a context"),
    ({"name": "five"}, 5, "five: a handler is a function, not 5"),
    ({}, "works", "'works': a handler is a function, not 'works'"),
    ({}, example, "Handler(function="),
    ({"name": "again"}, example, "again: is a handler already: give all its patterns to one @handler"),
    ({}, lambda _event, _ctx: None, "<function <lambda>"),
    ({}, functools.partial(works), "functools.partial(<function works"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "function", "said"), REFUSED)
def test_a_handler_that_could_never_run_is_refused(arguments: dict[str, Any], function: Any, said: str) -> None:
    patterns = arguments.pop("patterns", ["*"])
    with pytest.raises(HandlerLoadError) as refused:
        handler(*patterns, **arguments)(function)
    assert str(refused.value).startswith(said)


def test_what_has_no_name_is_told_how_to_get_one() -> None:
    for function in (lambda _event, _ctx: None, functools.partial(works), Objects()):
        with pytest.raises(HandlerLoadError) as refused:
            handler("*")(function)
        assert str(refused.value).endswith(UNNAMED)


@pytest.mark.parametrize("wrong", [
    {"timeout": math.inf}, {"retry": 3}, {"name": ""}, {"patterns": ("a*",)}, {"patterns": "a.b"},
    {"patterns": ["a.b"]}, {"sources": ("other.example",)}, {"function": yields}, {"function": swapped_by_names},
])  # fmt: skip
def test_a_handler_that_is_made_another_way_is_looked_at_too(wrong: dict[str, Any]) -> None:
    with pytest.raises(HandlerLoadError):
        replace(example, **wrong)


def takes_more(_event: Event, _ctx: Context, _retries: int = 3, **_: object) -> None:
    """Do nothing."""


CALLABLE: dict[str, Any] = {
    "a function whose annotations say what its names do not": named_the_other_way,
    "a function that takes more": takes_more,
    "a function that takes anything": lambda *_: None,
    "an object": Objects(),
    "a method": Objects().whole,
    "a part of a function": functools.partial(works),
    "a part of a method": functools.partial(Objects.whole, Objects()),
    "what is not written in Python": print,
}


@pytest.mark.parametrize("function", CALLABLE.values(), ids=CALLABLE)
async def test_whatever_can_be_called_with_both_and_has_a_name_is_a_handler(
    receiver_scratch: Scratch, function: Any
) -> None:
    made = handler("transcription.completed", name="made")(function)
    event, ctx = await receiver_scratch.claim(made)
    await made(event, ctx)
    assert made.file
    assert made.module


def test_a_handler_knows_the_file_that_its_function_was_written_in() -> None:
    def timed(function: Any) -> Any:
        @functools.wraps(function)
        def timing(*given: object) -> object:
            return function(*given)

        return timing

    for function in (works, functools.partial(works), timed(works), Objects(), Objects().whole):
        made = handler("*", name="made")(function)
        assert (made.module, made.file) == (__name__, __file__)


def test_a_handler_is_a_value_with_what_was_said() -> None:
    policy = RetryPolicy(attempts=3)
    assert handler("a.b", "c.*")(works) == Handler(works, ("a.b", "c.*"), "works", RetryPolicy(), 30.0)
    assert handler("*", name="mine", retry=policy, timeout=1)(works) == Handler(works, ("*",), "mine", policy, 1)
    every = ("transcribe.so", "thunderscribe", "openai")
    assert handler("*", sources=("transcribe.so",))(works).sources == ("transcribe.so",)
    assert handler("*", sources=every)(works).sources == every


@pytest.mark.parametrize(
    ("patterns", "wanted", "unwanted"),
    [
        (["a.b"], ["a.b"], ["a", "a.b.c", "a.bb", "x.a.b", "a_b", "A.B"]),
        (["a.*"], ["a.b", "a.b.c"], ["a", "ab.c", "aa.b", "x.a.b"]),
        (["a.b.*"], ["a.b.c"], ["a.b", "a.bc"]),
        (["*"], ["a", "a.b", "webhook.test", "receiver"], ["receiver.dead", "receiver.costs", "submission"]),
        (["receiver.*"], ["receiver.dead", "receiver.costs"], ["receiver", "webhook.test"]),
        (["*", "receiver.costs"], ["a", "receiver.costs"], ["receiver.dead"]),
        (["a.b", "c.*"], ["a.b", "c.d"], ["a.c", "c"]),
    ],
)
def test_patterns_are_a_type_a_family_or_everything(
    patterns: list[str], wanted: list[str], unwanted: list[str]
) -> None:
    made = handler(*patterns)(works)
    assert [event_type for event_type in wanted + unwanted if made.wants(event_type, "transcribe.so")] == wanted


def test_a_handler_wants_events_of_every_source_or_of_those_that_it_names() -> None:
    every, one = handler("a.*")(works), handler("a.*", sources=("transcribe.so",))(works)
    assert (every.wants("a.b", "other.example"), every.listens_to("other.example")) == (True, True)
    assert (one.wants("a.b", "transcribe.so"), one.listens_to("transcribe.so")) == (True, True)
    assert (one.wants("a.b", "other.example"), one.listens_to("other.example")) == (False, False)
    assert not one.wants("c.d", "transcribe.so")


async def test_calling_a_handler_runs_its_function(receiver_scratch: Scratch) -> None:
    called = []

    @handler("webhook.test")
    async def noting(event: Event, ctx: Context) -> None:
        called.append((event, ctx))

    event, ctx = await receiver_scratch.claim(noting)
    await noting(event, ctx)
    assert called == [(event, ctx)]
