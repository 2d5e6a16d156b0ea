"""`receiver.providers.transcribe_so.client`: lists whose pages tie, waits of several windows, and uploads."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import Any

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import SecretStr

from receiver.errors import InvalidRequest, ProviderError, ProviderUnavailable
from receiver.providers import TranscribeSo
from receiver.providers.budget import OwnBudget
from receiver.providers.rate import BURST, Rate
from receiver.providers.transcribe_so import TranscriptionStatus
from receiver.providers.transcribe_so.answers import UploadAnswer
from tests.providers.scripted import KEY, Provider, refused, shown

START = datetime(2026, 4, 29, 14, 25, 27, 968_000, tzinfo=UTC)


# --- the list --------------------------------------------------------------------------------------------------------


class Shelf:
    """A provider's list, newest first: a page holds the items that were created strictly before its cursor.

    Args:
        moments: when its items were created, in units of `tick` since `START`; an item's id is its place.
        length: of a page, whatever `limit` says.
        tick: the provider writes milliseconds, and may keep more than it writes.
    """

    def __init__(self, moments: Iterable[int], *, length: int, tick: timedelta = timedelta(milliseconds=1)) -> None:
        dated = [(START + moment * tick, number) for number, moment in enumerate(moments, 1)]
        self._items = sorted(dated, reverse=True)
        self._length = length
        self.asked: list[httpx.URL] = []

    @property
    def ids(self) -> list[int]:
        return [number for _, number in self._items]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url)
        cursor = request.url.params.get("cursor")
        before = datetime.max.replace(tzinfo=UTC) if cursor is None else datetime.fromisoformat(cursor)
        found = [item for item in self._items if item[0] < before]
        page = found[: self._length]
        more = written(page[-1][0]) if len(found) > len(page) else None
        return httpx.Response(200, json={"data": [row(number) for _, number in page], "next_cursor": more})


def written(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def row(number: int) -> dict[str, object]:
    return {"id": number, "status": "completed"}


def page(*numbers: int, cursor: str | None) -> httpx.Response:
    return httpx.Response(200, json={"data": [row(number) for number in numbers], "next_cursor": cursor})


async def listed(provider: Provider, *, api_only: bool = False) -> list[int]:
    """Return the ids of the whole list; what asks for ever is ended."""
    async with asyncio.timeout(60), provider.client() as api:
        return [item.id async for item in api.list(api_only=api_only)]


# Up to three of a millisecond, on pages of three and more: every one of them can be had.
ties = st.lists(st.integers(1, 3), max_size=12).map(
    lambda sizes: [m for m, size in enumerate(sizes) for _ in range(size)]
)


@given(moments=ties, length=st.integers(3, 6))
@example(moments=[0, 1, 1, 2], length=2)
@example(moments=[0, 1, 1, 1, 2, 2], length=3)
async def test_items_that_tie_at_the_end_of_a_page_come_once_each_and_in_order(moments: list[int], length: int) -> None:
    shelf = Shelf(moments, length=length)
    assert await listed(Provider(shelf)) == shelf.ids


@given(moments=ties, length=st.integers(3, 6))
async def test_a_cursor_that_is_less_exact_than_the_order_loses_nothing(moments: list[int], length: int) -> None:
    """A cursor is cut to a millisecond, so several times within a millisecond have the same cursor."""
    shelf = Shelf([moment * 3 + place % 3 for place, moment in enumerate(moments)], length=length * 2,
                  tick=timedelta(microseconds=333))  # fmt: skip
    assert sorted(await listed(Provider(shelf))) == sorted(shelf.ids)


@given(moments=st.lists(st.integers(0, 4), max_size=24), length=st.integers(1, 4))
@example(moments=[0, 1, 1, 1, 1, 1, 1, 1, 2], length=3)
async def test_a_page_full_of_ties_ends_and_hides_nothing_but_what_the_provider_never_shows(
    moments: list[int], length: int
) -> None:
    """With a cursor in milliseconds, no more items of one millisecond can be reached than fit on a page."""
    shelf = Shelf(moments, length=length)
    found = await listed(Provider(shelf))
    assert len(found) == len({*found})
    shown_of = Counter(moments[number - 1] for number in found)
    assert shown_of.keys() == {*moments}
    assert all(shown_of[m] == size for m, size in Counter(moments).items() if size <= length)
    assert all(shown_of[m] >= length for m, size in Counter(moments).items() if size > length)
    assert len(shelf.asked) <= 3 * len(moments) + 1


async def test_a_list_without_ties_is_asked_for_a_page_at_a_time_in_the_longest_pages() -> None:
    shelf = Shelf(range(6), length=4)
    await listed(Provider(shelf), api_only=True)
    assert len(shelf.asked) == 2
    assert {url.path for url in shelf.asked} == {"/api/v1/transcriptions"}
    assert {(url.params["limit"], url.params["api_only"]) for url in shelf.asked} == {("200", "true")}


async def test_the_dashboards_own_are_listed_unless_they_are_not_wanted() -> None:
    shelf = Shelf(range(2), length=4)
    await listed(Provider(shelf))
    assert "api_only" not in shelf.asked[0].params


@pytest.mark.parametrize("cursor", ["b3BhcXVl", "4821", "2026", "\u00e4&limit=1", "9999-12-31T23:59:59.999Z"])
async def test_a_cursor_that_is_no_time_goes_back_as_it_came(cursor: str) -> None:
    provider = Provider(page(3, 2, cursor=cursor), page(2, 1, cursor=None))
    assert await listed(provider) == [3, 2, 1]
    assert [request.url.params.get("cursor") for request in provider.asked] == [None, cursor]


@pytest.mark.parametrize("cursor", [written(START), "b3BhcXVl"])
async def test_a_list_ends_where_the_provider_repeats_its_cursor_for_ever(cursor: str) -> None:
    provider = Provider(page(2, 1, cursor=cursor))
    assert await listed(provider) == [2, 1]
    assert len(provider.asked) <= 3


async def test_a_list_ends_where_a_cursor_stands_and_new_items_come_for_ever() -> None:
    numbers = iter(range(1, 1_000_000))
    provider = Provider(lambda _: page(next(numbers), cursor=written(START)))
    assert len(await listed(provider)) <= 3


async def test_a_page_of_nothing_new_is_not_the_end() -> None:
    """A provider might drop the unwanted items after it has cut the page."""
    later = [written(START - timedelta(seconds=back)) for back in range(2)]
    provider = Provider(page(cursor=later[0]), page(cursor=later[1]), page(1, cursor=None))
    assert await listed(provider) == [1]


async def test_a_list_that_breaks_off_says_so_after_what_it_had() -> None:
    provider = Provider(page(2, 1, cursor=written(START)), refused(500, "internal_error"))
    found = []

    async def read(api: TranscribeSo) -> None:
        async for item in api.list():
            found.append(item.id)  # noqa: PERF401 - what came before the error counts

    async with provider.client() as api:
        with pytest.raises(ProviderUnavailable):
            await read(api)
    assert found == [2, 1]


@pytest.mark.parametrize(("most", "pages"), [(1, 1), (2, 1), (3, 2), (9, 2), (None, 2)])
async def test_only_so_many_are_listed_and_no_page_is_requested_for_more(most: int | None, pages: int) -> None:
    provider = Provider(page(4, 3, cursor=written(START)), page(2, 1, cursor=None))
    async with provider.client() as api:
        assert [item.id async for item in api.list(most=most)] == [4, 3, 2, 1][:most]
    assert len(provider.asked) == pages


# --- a status --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-04-29T14:25:27.968Z", datetime(2026, 4, 29, 14, 25, 27, 968000, tzinfo=UTC)),
        ("2026-04-29T16:25:27+02:00", datetime(2026, 4, 29, 14, 25, 27, tzinfo=UTC)),
        ("2026-04-29 14:25:27", datetime(2026, 4, 29, 14, 25, 27, tzinfo=UTC)),
        ("0001-01-01T00:00:00+05:00", None),
        ("yesterday", None),
        ("", None),
        (None, None),
    ],
)
def test_a_moment_is_in_utc_and_none_where_it_cannot_be_told(text: str | None, moment: datetime | None) -> None:
    status = TranscriptionStatus(id=7, status="completed", created_at=text, completed_at=text)
    assert (status.began, status.ended) == (moment, moment)


@pytest.mark.parametrize(
    ("about", "said"),
    [({}, "processing"), ({"stage": "cutting"}, "cutting"), ({"stage": "cutting", "progress": 39.6}, "cutting, 40%")],
)
def test_how_far_it_is_is_told_in_words(about: dict[str, Any], said: str) -> None:
    assert TranscriptionStatus(id=7, status="processing", **about).so_far == said


# --- waiting ---------------------------------------------------------------------------------------------------------


def now(status: str) -> httpx.Response:
    return httpx.Response(200, json={"id": 7, "status": status, "_timed_out": status == "processing"})


@pytest.mark.parametrize("end", ["completed", "failed", "cancelled"])
async def test_a_wait_of_several_windows_ends_when_the_transcription_has(end: str) -> None:
    provider = Provider(now("queued"), now("processing"), now("processing"), now(end))
    async with provider.client() as api:
        status = await api.wait(7, seconds=600)
    assert (status.status, status.is_terminal) == (end, True)
    assert [request.url.params["timeout"] for request in provider.asked] == ["45"] * 4
    assert {request.url.path for request in provider.asked} == {"/api/v1/transcriptions/7/wait"}


async def test_a_wait_ends_at_its_deadline_with_what_there_is() -> None:
    async with asyncio.timeout(60), (provider := Provider(now("processing"))).client() as api:
        status = await api.wait(7, seconds=0.05)
    assert (status.status, status.is_terminal) == ("processing", False)
    assert {request.url.params["timeout"] for request in provider.asked} == {"1"}


@pytest.mark.parametrize(("seconds", "window"), [(0, "1"), (-5, "1"), (0.4, "1"), (20, "20"), (45, "45"), (46, "45")])
async def test_a_window_is_what_is_left_within_what_the_provider_holds(seconds: float, window: str) -> None:
    async with (provider := Provider(now("completed"))).client() as api:
        await api.wait(7, seconds=seconds)
    assert provider.asked[0].url.params["timeout"] == window


async def test_nobody_waits_for_a_quote() -> None:
    async with (provider := Provider(now("quoted"))).client(retries=(0, 0)) as api:
        with pytest.raises(InvalidRequest, match="7 is a quote, not a job") as raised:
            await api.wait(7, seconds=600)
    assert (raised.value.code, len(provider.asked)) == ("not_a_job", 1)


async def test_a_wait_that_is_refused_raises_it() -> None:
    async with (provider := Provider(now("processing"), refused(404, "not_found"))).client(retries=(0, 0)) as api:
        with pytest.raises(InvalidRequest):
            await api.wait(7, seconds=600)
    assert len(provider.asked) == 2


# --- uploads ---------------------------------------------------------------------------------------------------------

TICKET = "of_the_upload_alone"
PLACE = f"https://s3.test/user/1.mp3?X-Amz-Signature={TICKET}"
CREATED = httpx.Response(
    200, json={"upload_id": "user/1.mp3", "upload_url": PLACE}, headers={"Set-Cookie": "session=1; Path=/"}
)


async def pieces() -> AsyncIterator[bytes]:
    yield b"0123"
    yield b"456789"


async def put(api: TranscribeSo, *, file_size: int = 10) -> UploadAnswer:
    upload = await api.create_upload("a.mp3", content_type="audio/mpeg", file_size=file_size)
    await api.put_upload(upload, pieces(), content_type="audio/mpeg", file_size=file_size)
    return upload


async def test_a_file_goes_to_where_the_ticket_says_and_takes_no_key_along() -> None:
    async with (provider := Provider(CREATED, httpx.Response(200))).client() as api:
        upload = await put(api)
    sent = provider.asked[1]
    assert (sent.method, str(sent.url), await sent.aread()) == ("PUT", PLACE, b"0123456789")
    assert (sent.headers["Content-Type"], sent.headers["Content-Length"]) == ("audio/mpeg", "10")
    assert not {"authorization", "cookie", "idempotency-key", "transfer-encoding"} & sent.headers.keys()
    assert KEY.get_secret_value() not in str(sent.headers.raw)
    assert TICKET not in repr(upload)


async def test_a_file_takes_no_turn() -> None:
    own = OwnBudget(Rate.of(60, minute=timedelta(hours=4)))
    async with Provider(CREATED, httpx.Response(200)).client(budget=own) as api:
        await put(api)
    left = [await own.ask(live=True, patience=timedelta(hours=4)) for _ in range(BURST)]
    assert left.count(timedelta(0)) == BURST - 1


async def test_a_file_may_take_longer_the_larger_it_is() -> None:
    answers = cycle([CREATED, httpx.Response(200)])
    async with (provider := Provider(lambda _: next(answers))).client() as api:
        await put(api)
        await put(api, file_size=500_000_000)
    puts = [request.extensions["timeout"] for request in provider.asked if request.method == "PUT"]
    assert [timeout["write"] for timeout in puts] == pytest.approx([30, 30 + 5000], rel=0.01)
    assert all(len({*timeout.values()}) == 1 for timeout in puts)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (httpx.Response(403, text=f"<Error><Code>AccessDenied</Code><Resource>{PLACE}</Resource></Error>"), "http_403"),
        (httpx.Response(503, text=PLACE), "http_503"),
        (httpx.Response(307, headers={"Location": f"{PLACE}&again=1"}), "http_307"),
    ],
    ids=["expired", "busy", "redirected"],
)
async def test_a_refused_file_is_sent_once_and_its_ticket_is_in_no_error(answer: httpx.Response, code: str) -> None:
    async with (provider := Provider(CREATED, answer)).client(retries=(0, 0)) as api:
        with pytest.raises(ProviderError) as raised:
            await put(api)
    assert raised.value.code == code
    assert [request.method for request in provider.asked] == ["POST", "PUT"]
    assert not re.search(TICKET, shown(raised.value))


async def test_a_file_whose_connection_is_lost_names_the_server_alone() -> None:
    def gone(request: httpx.Request) -> httpx.Response:
        raise httpx.WriteError("lost", request=request)

    async with Provider(CREATED, gone).client(retries=(0, 0)) as api:
        with pytest.raises(ProviderUnavailable, match=r"https://s3\.test does not answer: WriteError") as raised:
            await put(api)
    assert TICKET not in shown(raised.value)


async def test_the_view_for_what_can_wait_uploads_too() -> None:
    answers = cycle([CREATED, httpx.Response(200)])
    async with (provider := Provider(lambda _: next(answers))).client() as api:
        await put(api.low_priority())
        await put(api)
    assert [request.method for request in provider.asked] == ["POST", "PUT"] * 2


async def test_a_ticket_for_a_resumable_upload_is_in_no_repr() -> None:
    answer = {"upload_endpoint": "https://upload.test/files/", "upload_token": TICKET, "expires_in": 3600}
    async with Provider(httpx.Response(200, json=answer)).client() as api:
        ticket = await api.create_tus_upload("a.mp3", file_size=10)
    assert (ticket.upload_token, ticket.upload_metadata_key) == (SecretStr(TICKET), "upload-token")
    assert TICKET not in repr(ticket)


async def test_a_server_whose_cursors_go_in_a_circle_is_left() -> None:
    circle = cycle(["2026-04-29T14:25:27.968Z", "2026-04-28T14:25:27.968Z"])
    provider = Provider(lambda _: httpx.Response(200, json={"data": [row(1)], "next_cursor": next(circle)}))
    async with provider.client() as api, asyncio.timeout(60):
        assert [one.id async for one in api.list()] == [1]
    assert len(provider.asked) < 10


async def test_an_upload_url_that_is_none_is_a_malformed_answer_and_shows_no_ticket() -> None:
    provider = Provider(httpx.Response(200))
    broken = UploadAnswer(upload_id="u", upload_url=SecretStr("http://[::1?t=never_shown"))
    async with provider.client() as api:
        with pytest.raises(ProviderUnavailable) as raised:
            await api.put_upload(broken, pieces(), content_type="audio/mpeg", file_size=10)
    assert raised.value.code == "malformed_answer"
    assert "never_shown" not in shown(raised.value)
    assert provider.asked == []
