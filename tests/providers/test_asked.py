"""`receiver.providers.asked`: whoever counts hears of each request once, and what became of it."""

import time
from contextlib import nullcontext

import httpx
import pytest

from receiver.errors import InvalidRequest, NoTurn, ProviderUnavailable, RateLimited
from receiver.providers.asked import Call, asked

BASE = httpx.URL("https://api.test/api/v1/")


def call(error: Exception | None, *, sent: bool) -> list[Call]:
    heard: list[Call] = []
    request = httpx.Request("GET", "https://api.test/api/v1/transcriptions/7")
    with nullcontext() if error is None else pytest.raises(type(error)), asked(request, BASE, heard.append) as now:
        if sent:
            now.sent()
        if error is not None:
            raise error
    return heard


@pytest.mark.parametrize(
    ("error", "sent", "status"),
    [
        (None, True, "200"),
        (InvalidRequest("no", code="bad", status=400), True, "400"),
        (RateLimited("later", code="rate_limited", status=429), True, "429"),
        (ProviderUnavailable("lost", code="transport"), True, "no_answer"),
        (RateLimited("later", code="out_of_turns"), False, "out_of_turns"),
        (NoTurn("away", code="no_turn"), False, "no_turn"),
    ],
)
def test_each_request_is_told_once_with_what_became_of_it(error: Exception | None, status: str, *, sent: bool) -> None:
    (told,) = call(error, sent=sent)
    assert (told.endpoint, told.status) == ("GET /transcriptions/{id}", status)
    assert (told.seconds is not None) is sent
    assert told.waited >= 0


def test_the_wait_for_a_turn_is_no_part_of_the_answer() -> None:
    began = time.monotonic() - 5
    told = Call("GET /me", began)
    told.sent()
    told.ended(None)
    assert told.waited >= 5 > (told.seconds or 0)


def test_a_request_that_its_handler_gives_up_is_told_too() -> None:
    (told,) = call(TimeoutError(), sent=True)
    assert told.status == "cancelled"
    assert told.seconds is not None
