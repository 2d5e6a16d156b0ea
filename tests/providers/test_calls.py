"""`receiver.providers.calls`: what each request carries, when it is sent again, and under which key."""

import itertools
import math
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from receiver.errors import (
    InvalidRequest,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    StoreUnavailableError,
    Unauthenticated,
)
from receiver.inbox.retry import Later, RetryPolicy, decide
from receiver.providers import Recording, TranscribeSo, egress, tries
from receiver.providers.budget import OwnBudget
from receiver.providers.calls import Calls
from receiver.providers.orders import Media
from receiver.providers.rate import BURST, MINUTE, Rate
from receiver.providers.tries import NOTHING_SENT
from tests.providers.scripted import KEY, URL, Provider, Stream, refused, shown, turns_enough

SLOW = timedelta(hours=4)  # a minute so long that no turn comes back during a test
NOW = timedelta(0)
KEYLESS = Recording(source="youtube", url="https://youtu.be/x")
REQUESTS = itertools.count(100)
LONGEST = "k" * tries.KEY_LENGTH
FINE = httpx.Response(202, json={"id": 7, "status": "processing"})
FAILED = refused(500, "internal_error")
UNDER_WAY = refused(409, "request_in_progress")


def late(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout("late", request=request)


def lose(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadError("lost", request=request)


def limited(seconds: int = 0) -> httpx.Response:
    """Return a refusal that was never given before."""
    return refused(429, "rate_limited", {"Retry-After": str(seconds)}, request_id=f"req_{next(REQUESTS)}")


async def submit(provider: Provider, key: str = "k", tries: int = 5, *, asked_before: bool = False) -> list[str | None]:
    """Submit a recording and return the keys under which it was asked for."""
    async with provider.client(retries=(0,) * (tries - 1)) as api:
        await api.transcribe(KEYLESS, idempotency_key=key, asked_before=asked_before)
    return provider.sent("Idempotency-Key")


# --- the key ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [FAILED, UNDER_WAY, late, lose, httpx.Response(502, html="<h1>Bad Gateway</h1>")])
async def test_what_may_have_been_done_is_asked_for_again_under_the_same_key(
    answer: httpx.Response | Callable[[httpx.Request], httpx.Response],
) -> None:
    assert await submit(Provider(answer, answer, FINE)) == ["k", "k", "k"]


@pytest.mark.parametrize("key", ["k", LONGEST])
async def test_after_each_429_the_key_is_a_new_one_that_the_provider_takes(key: str) -> None:
    """The provider repeats a 429 to its key for a day."""
    keys = await submit(Provider(limited(), limited(), limited(), FINE), key)
    assert keys[0] == key
    assert len({*keys}) == 4
    assert all(new is not None and 0 < len(new) <= tries.KEY_LENGTH for new in keys)


async def test_the_new_keys_are_the_same_in_every_run_and_others_for_another_request() -> None:
    first, again, other = [await submit(Provider(limited(), limited(), FINE), key) for key in ("a", "a", "b")]
    assert first == again
    assert not {*first} & {*other}


@pytest.mark.parametrize("answer", [FAILED, UNDER_WAY, late])
async def test_a_429_after_what_may_have_been_done_keeps_the_key(
    answer: httpx.Response | Callable[[httpx.Request], httpx.Response],
) -> None:
    assert await submit(Provider(answer, limited(), answer, limited(), FINE)) == ["k"] * 5


async def test_the_key_that_is_kept_is_the_one_under_which_it_may_have_been_done() -> None:
    """The first key answers 429 for a day; a third key would be charged a second time."""
    keys = await submit(Provider(limited(), late, limited(), FAILED, FINE))
    assert keys[0] == "k"
    assert keys[1] != "k"
    assert keys[2:] == [keys[1]] * 3


async def test_what_needs_no_key_gets_none_after_a_429_either() -> None:
    provider = Provider(limited(), FAILED, httpx.Response(200, json={}))
    async with provider.client(retries=(0, 0)) as api:
        await api.me()
    assert provider.sent("Idempotency-Key") == [None] * 3


@pytest.mark.parametrize(
    "wrong", ["", LONGEST + "k", "a\n", "a\r\nX-Other: 1", "\x00", "\x7f", "ä", "\ud800", " a", "a ", " "], ids=ascii
)
async def test_a_key_that_the_provider_or_a_header_does_not_take_is_refused_and_nothing_is_sent(wrong: str) -> None:
    async with (provider := Provider(FINE)).client() as api:
        with pytest.raises(InvalidRequest) as raised:
            await api.transcribe(KEYLESS, idempotency_key=wrong)
    assert (raised.value.code, provider.asked) == ("invalid_idempotency_key", [])


# --- how often -------------------------------------------------------------------------------------------------------


async def test_a_5xx_is_tried_again_with_the_same_body() -> None:
    provider = Provider(FAILED, FAILED, httpx.Response(200, json={"id": "wh_1", "signing_secret": "whsec_1"}))
    async with provider.client(retries=(0, 0)) as api:
        assert (await api.register_webhook("http://127.0.0.1:1/", idempotency_key="k")).id == "wh_1"
    assert {request.content for request in provider.asked} == {b'{"url":"http://127.0.0.1:1/"}'}


async def test_after_the_last_try_its_error_is_raised() -> None:
    async with (provider := Provider(FAILED, FAILED, lose)).client(retries=(0, 0)) as api:
        with pytest.raises(ProviderUnavailable, match=r"provider\.test does not answer: ReadError") as raised:
            await api.me()
    assert (len(provider.asked), raised.value.code, raised.value.status) == (3, "transport", None)


@pytest.mark.parametrize(
    ("status", "retries", "requests"),
    [(500, (), 1), (503, (0, 0), 3), (409, (0, 0), 3), (409, (), 1), (400, (0, 0), 1), (401, (0, 0), 1),
     (402, (0, 0), 1), (404, (0, 0), 1), (429, (0, 0), 1)],
)  # fmt: skip
async def test_a_4xx_is_never_tried_again_and_a_5xx_as_often_as_it_says(
    status: int, retries: tuple[float, ...], requests: int
) -> None:
    provider = Provider(httpx.Response(status))
    async with provider.client(retries=retries) as api:
        with pytest.raises(ProviderError) as raised:
            await api.test_webhook(idempotency_key="k")
    assert (len(provider.asked), raised.value.status) == (requests, status)


@pytest.mark.parametrize("answer", [limited(), late, lose, FAILED, UNDER_WAY])
async def test_in_a_job_everything_is_asked_for_once(
    answer: httpx.Response | Callable[[httpx.Request], httpx.Response],
) -> None:
    async with (provider := Provider(answer, FINE)).client() as api:
        with pytest.raises(ProviderError):
            await api.transcribe(KEYLESS, idempotency_key="k")
    assert len(provider.asked) == 1


async def test_a_429_that_ends_is_answered_in_the_end() -> None:
    async with (provider := Provider(limited(), limited(), limited())).client(retries=(0, 0)) as api:
        with pytest.raises(RateLimited) as raised:
            await api.me()
    assert (len(provider.asked), raised.value.status) == (3, 429)


async def test_an_answer_that_makes_no_sense_is_not_asked_for_again() -> None:
    async with (provider := Provider(httpx.Response(202, html="<h1>Fine</h1>"))).client(retries=(0, 0)) as api:
        with pytest.raises(ProviderUnavailable) as raised:
            await api.transcribe(KEYLESS, idempotency_key="k")
    assert (len(provider.asked), raised.value.code) == (1, "malformed_answer")


async def test_an_answer_that_is_too_large_is_not_asked_for_again() -> None:
    endless = httpx.Response(200, stream=Stream(b"x" * 100))
    async with (provider := Provider(endless)).client(retries=(0, 0), answer_bytes=1000) as api:
        with pytest.raises(ProviderUnavailable, match="larger than"):
            await api.result(1)
    assert len(provider.asked) == 1


async def test_a_regeneration_is_asked_for_once_whatever_the_retries() -> None:
    """One whose answer is lost has been used up all the same, and ten are all there are."""
    for answer in (FAILED, limited(), late):
        async with (provider := Provider(answer)).client(retries=(0, 0)) as api:
            with pytest.raises(ProviderError):
                await api.regenerate_timestamps(1, idempotency_key="k")
        assert len(provider.asked) == 1


# --- turns -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "pause", "retries"),
    [
        ({"Retry-After": "7"}, 7, ()),
        ({"Retry-After": "300"}, 300, ()),
        ({"Retry-After": "300"}, 300, (0,)),
        (None, 60, ()),
        (None, 60, (0,)),
        ({"Retry-After": "soon"}, 60, (0,)),
    ],
)
async def test_a_429_gives_nobody_a_turn_for_as_long_as_it_says_or_a_minute(
    headers: dict[str, str] | None, pause: int, retries: tuple[float, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "receiver.providers.budget.time", SimpleNamespace(monotonic=lambda: 1000.0)
    )  # no second of it passes
    shared = turns_enough()
    async with (provider := Provider(refused(429, "rate_limited", headers))).client(
        retries=retries, budget=shared
    ) as api:
        with pytest.raises(RateLimited):
            await api.me()
    assert await shared.ask(live=True, patience=SLOW) == timedelta(seconds=pause)
    assert len(provider.asked) == 1


async def test_a_429_without_a_time_is_raised_at_once() -> None:
    """An allowance is spent, and no minute brings it back."""
    async with (provider := Provider(refused(429, "allowance_spent"), FINE)).client(retries=(0, 0)) as api:
        with pytest.raises(RateLimited) as raised:
            await api.transcribe(KEYLESS, idempotency_key="k")
    assert (raised.value.code, raised.value.status, raised.value.retry_after) == ("allowance_spent", 429, None)
    assert len(provider.asked) == 1


@pytest.mark.parametrize("retries", [(), (0, 0)])
async def test_without_a_turn_nothing_is_sent_and_it_is_said_at_once_when_there_will_be_one(
    retries: tuple[float, ...],
) -> None:
    rate = Rate.of(60, minute=timedelta(minutes=96))  # a turn takes longer than a person's patience
    provider = Provider(httpx.Response(200, json={}))
    async with provider.client(retries=retries, budget=OwnBudget(rate)) as api:
        for _ in range(BURST):
            await api.me()
        with pytest.raises(RateLimited) as raised:
            await api.me()
    assert (raised.value.code, raised.value.status) == ("out_of_turns", None)
    assert raised.value.retry_after is not None
    places = raised.value.retry_after.total_seconds() / rate.step
    assert BURST < places <= BURST + 1, "one place in the line, not one for each try"
    assert len(provider.asked) == BURST


async def test_every_try_takes_a_turn_of_its_own() -> None:
    own = OwnBudget(Rate.of(60, minute=SLOW))
    async with Provider(FAILED, FAILED, FINE).client(retries=(0, 0), budget=own) as api:
        await api.transcribe(KEYLESS, idempotency_key="k")
    left = [await own.ask(live=True, patience=SLOW) for _ in range(BURST)]
    assert left.count(NOW) == BURST - 3


async def test_what_can_wait_leaves_the_burst_to_others_over_the_same_connections() -> None:
    provider = Provider(httpx.Response(200, json={}))
    async with provider.client(budget=OwnBudget(Rate.of(60, minute=SLOW))) as api:
        behind = api.low_priority()
        await behind.me()
        with pytest.raises(RateLimited):
            await behind.me()
        for _ in range(BURST - 1):
            await api.me()
        assert behind.http is api.http
    assert len(provider.asked) == BURST
    assert len({*provider.sent("Authorization")}) == 1


# --- how long --------------------------------------------------------------------------------------------------------

SECONDS: dict[str, tuple[float, Callable[[TranscribeSo], Awaitable[object]]]] = {
    "most": (30, lambda api: api.get(1)),
    "a submission": (30, lambda api: api.transcribe(KEYLESS, idempotency_key="k")),
    "a short wait": (5 + 15, lambda api: api.wait(1, seconds=5)),
    "a wait of no time": (1 + 15, lambda api: api.wait(1, seconds=0)),
    "the longest wait": (45 + 15, lambda api: api.wait(1, seconds=45)),
    "a wait beyond it": (45 + 15, lambda api: api.wait(1, seconds=3600)),
    "a regeneration": (150, lambda api: api.regenerate_timestamps(1, idempotency_key="k")),
}


@pytest.mark.parametrize(("seconds", "call"), SECONDS.values(), ids=SECONDS)
async def test_every_read_may_take_as_long_as_the_whole(
    seconds: float, call: Callable[[TranscribeSo], Awaitable[object]]
) -> None:
    async with (provider := Provider(httpx.Response(200, json={"id": 1, "status": "completed"}))).client() as api:
        await call(api)
    (request,) = provider.asked
    timeout = request.extensions["timeout"]
    assert timeout == dict.fromkeys(("connect", "read", "write", "pool"), seconds)


class Away:
    """A budget whose database is away, from the `since`-th question on."""

    rate = Rate.of(60)

    def __init__(self, *, since: int) -> None:
        self._left = since

    async def ask(self, *, live: bool, patience: timedelta) -> timedelta:
        del live, patience
        self._answer()
        return NOW

    async def pause(self, duration: timedelta) -> None:
        del duration
        self._answer()

    def _answer(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise StoreUnavailableError("the database is away")


async def test_a_budget_that_cannot_be_asked_is_a_providers_error_and_nothing_is_sent() -> None:
    provider = Provider(FINE)
    async with provider.client(budget=Away(since=0)) as api:
        with pytest.raises(ProviderUnavailable, match="the database is away") as raised:
            await api.me()
    assert raised.value.code == "no_turn"
    assert provider.asked == []
    uncounted = decide(RetryPolicy(attempts=1), 1, raised.value, jitter=0)
    assert isinstance(uncounted, Later)


async def test_a_pause_that_cannot_be_written_hides_no_429() -> None:
    async with Provider(limited(9)).client(budget=Away(since=1)) as api:
        with pytest.raises(RateLimited) as raised:
            await api.me()
    assert raised.value.retry_after == timedelta(seconds=9)


async def test_a_key_of_an_earlier_run_stays_after_a_429() -> None:
    """The provider might limit before it looks up the key, and the work under the key might be charged already."""
    keys = await submit(Provider(limited(), limited(), FINE), asked_before=True)
    assert keys == ["k", "k", "k"]


async def test_a_key_of_an_earlier_run_that_repeats_its_refusal_is_left_for_the_next() -> None:
    """Run 1: k was refused, the next key was carried out and its answer lost. Run 2 must find that answer."""
    (first,) = set(await submit(Provider(limited(), FINE))) - {"k"}
    old = refused(429, "rate_limited", {"Retry-After": "0"}, request_id="req_of_the_first_run")
    assert await submit(Provider(old, old, FINE), asked_before=True) == ["k", "k", first]


async def test_a_spent_allowance_holds_up_nobody_else() -> None:
    turns = OwnBudget(Rate.of(60, minute=SLOW))
    async with Provider(refused(429, "qna_quota_exceeded")).client(budget=turns, retries=(0, 0)) as api:
        with pytest.raises(RateLimited):
            await api.me()
    assert await turns.ask(live=True, patience=NOW) == NOW


async def test_a_turn_that_could_not_be_had_says_nothing_about_what_was_done() -> None:
    """No request went out, so after a 429 the next key is safe."""

    class Stumbling(OwnBudget):
        stumbled = False

        async def ask(self, *, live: bool, patience: timedelta) -> timedelta:
            if not self.stumbled:
                self.stumbled = True
                raise StoreUnavailableError("the database is away")
            return await super().ask(live=live, patience=patience)

    provider = Provider(limited(), FINE)
    async with provider.client(budget=Stumbling(Rate.of(60, minute=MINUTE / 6000)), retries=(0, 0, 0)) as api:
        await api.transcribe(KEYLESS, idempotency_key="k")
    first, second = provider.sent("Idempotency-Key")
    assert first == "k" != second


@pytest.mark.parametrize(("lost", "maybe"), [(late, True), (limited(), False)])
async def test_a_429_tells_whether_an_earlier_try_may_have_been_carried_out(
    lost: httpx.Response | Callable[[httpx.Request], httpx.Response], *, maybe: bool
) -> None:
    with pytest.raises(RateLimited) as raised:
        await submit(Provider(lost, limited()), tries=2)
    assert raised.value.maybe_done is maybe


# --- forms and files -------------------------------------------------------------------------------------------------

FORM = [("language", "en")]


def calling(provider: Provider, *, key: SecretStr | None = KEY, **options: Any) -> Calls:
    """Return calls that would be sent again if they could."""
    http = egress.client(base_url=f"{URL}/api/", transport=httpx.MockTransport(provider))
    turns = turns_enough()
    return Calls(TranscribeSo.refusal, "SOME_KEY__BIG_SHOW", http, key, (0, 0), SLOW, turns, **options)


@pytest.mark.parametrize("answer", [limited(), late, lose, FAILED, UNDER_WAY, httpx.Response(524, html="<h1>")])
@pytest.mark.parametrize("call", ["form", "send"])
async def test_a_form_is_sent_once_and_so_is_everything_else_if_asked(
    call: str, answer: httpx.Response | Callable[[httpx.Request], httpx.Response]
) -> None:
    api = calling(provider := Provider(answer))
    with pytest.raises(ProviderError) as raised:
        await (api.form("work", FORM) if call == "form" else api.once.send("POST", "work", json={}))
    assert len(provider.asked) == 1
    assert raised.value.code not in NOTHING_SENT


async def test_a_form_has_the_key_and_the_headers_and_goes_below_the_address() -> None:
    api = calling(provider := Provider(httpx.Response(200, content=b"done")))
    assert await api.form("work", FORM, headers={"file-hash": "h"}) == b"done"
    (request,) = provider.asked
    assert (str(request.url), request.content) == (f"{URL}/api/work", b"language=en")
    assert (request.headers["file-hash"], request.headers["Authorization"]) == (
        "h", f"Bearer {KEY.get_secret_value()}",
    )  # fmt: skip


async def test_a_form_takes_a_turn_and_a_429_pauses_the_others() -> None:
    api = calling(Provider(limited(7)))
    api = replace(api, budget=OwnBudget(Rate.of(60, minute=SLOW)), patience=NOW)
    with pytest.raises(RateLimited, match=r"No\."):
        await api.form("work", FORM)
    with pytest.raises(RateLimited) as raised:
        await api.form("work", FORM)
    assert raised.value.code == "out_of_turns"


@pytest.mark.parametrize(
    ("file", "most", "seconds"),
    [(None, math.inf, 30), (("a.mp3", b"x" * 1_000_000), math.inf, 40), (("a.mp3", b"x" * 1_000_000), 35, 35)],
)
async def test_a_form_may_take_as_long_as_its_file_needs_and_its_caller_has(
    file: tuple[str, bytes] | None, most: float, seconds: float
) -> None:
    await calling(provider := Provider(httpx.Response(200))).form("work", FORM, file=file, most_seconds=most)
    assert provider.asked[0].extensions["timeout"]["read"] == pytest.approx(seconds, abs=0.1)


async def test_an_account_without_a_key_hears_the_name_of_its_own_variable() -> None:
    api = calling(provider := Provider(FINE), key=None)
    with pytest.raises(Unauthenticated, match="SOME_KEY__BIG_SHOW is not set"):
        await api.form("work", FORM)
    assert provider.asked == []


async def test_where_no_key_is_needed_none_is_sent() -> None:
    await calling(provider := Provider(FINE), key=None, needs_key=False).form("work", FORM)
    assert provider.sent("Authorization") == [None]


async def test_a_file_is_put_to_its_link_without_the_key(tmp_path: Path) -> None:
    (tmp_path / "talk").write_bytes(b"talk")
    api = calling(provider := Provider(httpx.Response(200)))
    await api.put(SecretStr("http://storage.test/x?ticket"), Media(tmp_path / "talk", "t", 4), headers={"If": "0"})
    (request,) = provider.asked
    assert (request.method, str(request.url), request.content) == ("PUT", "http://storage.test/x?ticket", b"talk")
    assert request.headers["Content-Length"] == "4"
    assert request.headers["If"] == "0"
    assert not {"authorization", "content-type", "transfer-encoding"} & {*request.headers}


@pytest.mark.parametrize(("status", "error"), [(412, None), (403, InvalidRequest), (503, ProviderUnavailable)])
async def test_a_put_is_sent_once_and_its_error_hides_the_link(
    tmp_path: Path, status: int, error: type[ProviderError] | None
) -> None:
    (tmp_path / "talk").write_bytes(b"talk")
    link = SecretStr("http://storage.test/x?sesame")
    api = calling(provider := Provider(httpx.Response(status, text="x?sesame")))
    with nullcontext() if error is None else pytest.raises(error) as raised:
        await api.put(link, Media(tmp_path / "talk", "t", 4), done=412)
    assert len(provider.asked) == 1
    assert raised is None or "sesame" not in shown(raised.value)
