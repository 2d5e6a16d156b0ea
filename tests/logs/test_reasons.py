"""`receiver.logs.reasons`: the text of an error can be stored, names its place, and holds no secret."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from receiver.errors import GiveUp, ImpossibleError, NotReady, Postpone, ProviderError, Retry
from receiver.logs.reasons import REASON_LENGTH, Told, describe, place, shown, tell
from tests.servers import echoing

# --- that it can be stored -------------------------------------------------------------------------------------------


class SilentError(Exception):
    """An error whose text raises."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


class TextlessError(Exception):
    """An error whose `__str__` returns no text, a frequent mistake."""

    def __str__(self) -> str:
        return None  # type: ignore[return-value]  # noqa: PLE0307 - the slip


@pytest.mark.parametrize(("error", "said"), [
    (ValueError("plain"), "ValueError: plain"),
    (ValueError(), "ValueError"),
    (TimeoutError(), "TimeoutError"),
    (ValueError("a\x00b"), "ValueError: ab"),
    (ValueError("\x00"), "ValueError"),
    (ValueError("a\ud800b"), "ValueError: a?b"),
    (ValueError("\udfff\x00"), "ValueError: ?"),
    (ValueError("ü 😀 \x1b[1m\n"), "ValueError: ü 😀 \x1b[1m\n"),
    (KeyError("x"), "KeyError: 'x'"),
])  # fmt: skip
def test_an_error_is_described_so_that_it_can_be_stored(error: BaseException, said: str) -> None:
    assert describe(error) == said


@pytest.mark.parametrize("kind", [ValueError, GiveUp, Retry])
def test_a_description_is_bounded(kind: type[Exception]) -> None:
    assert len(describe(kind("x" * 100_000))) == REASON_LENGTH
    assert describe(kind("x" * 100)).endswith("x" * 100)


@pytest.mark.parametrize("error", [SilentError(), TextlessError()])
def test_an_error_that_cannot_say_its_text_says_its_name(error: BaseException) -> None:
    assert describe(error) == type(error).__name__


@given(st.text(st.characters(), max_size=50), st.sampled_from([ValueError, GiveUp, Retry, Postpone]))
def test_every_description_can_be_stored(text: str, kind: type[Exception]) -> None:
    said = describe(kind(text))
    assert said
    assert "\x00" not in said
    assert said.encode()


# --- where it was ----------------------------------------------------------------------------------------------------


def raised(work: Callable[[], object]) -> BaseException:
    try:
        work()
    except BaseException as exc:  # noqa: BLE001 - whatever it is
        return exc
    raise AssertionError("it raises")


def line_of(function: Callable[..., object]) -> int:
    return function.__code__.co_firstlineno


def reaches() -> object:
    return json.loads("{")


def test_an_error_has_the_last_line_of_its_handlers_package() -> None:
    """The code that this line called lies elsewhere, and is not to blame."""
    error = raised(reaches)
    said = f" (tests/logs/test_reasons.py line {line_of(reaches) + 1})"
    assert place(error, "tests.logs.test_reasons") == said
    assert place(error, "tests.another_module") == said  # the package is one piece of work
    assert describe(error, "tests.logs.test_reasons").endswith(f"(char 1){said}")
    assert place(error, "json").startswith(" (json/decoder.py line ")
    for stranger in ("test", "tests_of.mine", "handlers.crm", ""):
        assert place(error, stranger) == "", stranger


def test_the_place_is_its_causes_where_only_that_knows_it() -> None:
    async def finds() -> None:
        next(iter(()))

    error = raised(lambda: asyncio.run(finds())).with_traceback(None)  # who called it is not at home
    assert describe(error, "tests.logs.test_reasons") == (
        f"RuntimeError: coroutine raised StopIteration (tests/logs/test_reasons.py line {line_of(finds) + 1})"
    )


def test_a_cause_of_itself_is_looked_at_for_a_while() -> None:
    one = ValueError("one")
    one.__cause__ = KeyError("other")
    one.__cause__.__cause__ = one
    assert place(one, "tests.logs.test_reasons") == ""


def test_the_place_survives_however_long_the_text_is() -> None:
    def fails() -> None:
        raise ValueError("x" * 10_000)

    said = describe(raised(fails), "tests.logs.test_reasons")
    assert len(said) == REASON_LENGTH
    assert said.endswith(f"x (tests/logs/test_reasons.py line {line_of(fails) + 1})")


def test_a_verdict_is_what_was_said_and_no_more() -> None:
    def gives_up() -> None:
        raise GiveUp("never")

    assert describe(raised(gives_up), "tests.logs.test_reasons") == "never"


def test_a_group_says_what_it_holds() -> None:
    def fails() -> None:
        raise KeyError("title")

    group = BaseExceptionGroup("unhandled errors in a TaskGroup", [raised(fails), GiveUp("never")])
    assert describe(group, "tests.logs.test_reasons") == (
        "ExceptionGroup: unhandled errors in a TaskGroup (2 sub-exceptions): "
        f"KeyError: 'title' (tests/logs/test_reasons.py line {line_of(fails) + 1}); never"
    )


def test_a_frequent_slip_is_told_with_what_it_comes_of() -> None:
    async def transcript() -> None: ...

    @asynccontextmanager
    async def completing() -> AsyncIterator[None]:
        yield

    def forgets(use: Callable[[Any], object]) -> str:
        coroutine = transcript()
        try:
            return describe(raised(lambda: use(coroutine)))
        finally:
            coroutine.close()

    def enters() -> None:
        with completing():  # type: ignore[attr-defined]
            pass

    for use in (lambda one: one.text, list, len, json.dumps, lambda one: one + 1):
        assert "coroutine" in forgets(use)
        assert forgets(use).endswith(": did you forget `await`, or `ctx.wait(…)` in a plain `def`?")
    assert describe(raised(enters)).endswith(": did you forget `async` before `with`?")
    assert describe(ValueError("coroutine")) == "ValueError: coroutine"


# --- what it must not hold -------------------------------------------------------------------------------------------

SLACK = "https://hooks.slack.com/services/T000/B000/s3cret"


def refused(status: int, **answer: Any) -> BaseException:
    with httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(status, **answer))) as http:
        return raised(http.post(SLACK).raise_for_status)


def test_an_http_error_says_who_answered_what_and_not_the_address() -> None:
    assert describe(refused(403, text="invalid_token")) == (
        "HTTPStatusError: POST https://hooks.slack.com/… answered 403: invalid_token"
    )
    assert describe(refused(500)) == "HTTPStatusError: POST https://hooks.slack.com/… answered 500"
    long = describe(refused(502, html=f"<html>\n\n  {SLACK} " + "bad " * 1000))
    assert len(long) < 300
    assert "\n" not in long
    assert "s3cret" not in long


def test_an_answer_that_was_not_read_is_not_read_for_its_error() -> None:
    def asks() -> None:
        transport = httpx.MockTransport(lambda _: httpx.Response(403, stream=httpx.ByteStream(b"never read")))
        with httpx.Client(transport=transport) as http, http.stream("GET", SLACK) as answer:
            answer.raise_for_status()

    assert describe(raised(asks)) == "HTTPStatusError: GET https://hooks.slack.com/… answered 403"


def test_a_connection_that_failed_says_to_whom() -> None:
    def fails(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("All connection attempts failed", request=request)

    with httpx.Client(transport=httpx.MockTransport(fails)) as http:
        error = raised(lambda: http.get(SLACK))
    assert describe(error) == "ConnectError: GET https://hooks.slack.com/…"
    error.__cause__ = OSError(111, "x")
    assert describe(error) == "ConnectError: GET https://hooks.slack.com/…: connection refused"
    assert describe(httpx.ConnectError("who knows")) == "ConnectError"


def test_another_clients_error_says_the_same() -> None:
    """Plain functions use requests."""
    answer = requests.Response()
    answer.status_code, answer.url, answer.reason = 403, SLACK, "Forbidden"
    answer.request = requests.Request("POST", SLACK).prepare()
    unread = raised(answer.raise_for_status)
    assert describe(unread) == "HTTPError: POST https://hooks.slack.com/… answered 403"
    answer._content = b"invalid_token"  # noqa: SLF001 - as its client sets it
    assert describe(raised(answer.raise_for_status)).endswith("answered 403: invalid_token")
    lost = requests.ConnectionError("HTTPSConnectionPool(host='x', port=443): Max retries exceeded with url: /s3cret")
    assert describe(lost) == "ConnectionError"


def test_what_is_not_http_is_not_repeated() -> None:
    """It can be the request itself, with its tokens."""
    with echoing() as server:
        for asks in (httpx.post, requests.post):
            error = raised(lambda asks=asks: asks(f"{server}/hooks/s3cret?token=s3cret"))  # type: ignore[misc]
            said = describe(error)
            assert said.startswith(type(error).__name__)
            assert "s3cret" not in said
            assert "illegal" not in said


@pytest.mark.parametrize("kind", [ValueError, GiveUp, Retry, ImpossibleError, SystemExit])
def test_no_error_holds_more_of_an_address_than_its_host(kind: type[BaseException]) -> None:
    said = describe(kind(f"told {SLACK}, and postgresql://u:s3cret@db.example:5432/x"))
    assert said.endswith("told https://hooks.slack.com/…, and postgresql://db.example:5432/…")


@pytest.mark.parametrize("value", [SilentError, object(), "x" * 1000, b"60", float("nan")])
def test_what_stands_in_the_wrong_place_is_shown_in_a_few_characters(value: object) -> None:
    assert len(shown(value)) <= 80


def test_a_value_that_cannot_show_itself_is_named_by_its_kind() -> None:
    class Shy:
        def __repr__(self) -> str:
            raise RuntimeError("no text")

    assert shown(Shy()) == "a Shy"


# --- for a person ----------------------------------------------------------------------------------------------------


def test_a_providers_error_is_told_with_its_facts_and_notes() -> None:
    error = ProviderError("no", code="bad", status=400, request_id="req_1", doc_url="https://x.test/bad")
    error.add_note("It might have been submitted.")
    facts = {"code": "bad (HTTP 400)", "request id": "req_1", "see": "https://x.test/bad"}
    assert tell(error) == Told("the provider says: no", facts, ("It might have been submitted.",))


def test_what_the_provider_did_not_say_is_not_put_into_its_mouth() -> None:
    assert tell(NotReady("never made", code="not_ready")) == Told("never made", {"code": "not_ready"})


def test_any_other_error_is_told_with_its_notes() -> None:
    error = ImpossibleError("it is gone")
    error.add_note("Look elsewhere.")
    assert tell(error) == Told("it is gone", notes=("Look elsewhere.",))
