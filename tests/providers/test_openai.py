"""`receiver.providers.openai`: the file goes with the request, and the server can be anybody's."""

import hashlib
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from receiver.errors import ProviderError, ProviderUnavailable, Unauthenticated
from receiver.providers import OpenAI
from receiver.providers.openai import Transcribe
from receiver.providers.orders import CALL_SECONDS, Media, Order
from receiver.providers.tries import NOTHING_SENT
from receiver.sandbox import Knobs, Sandbox, ThunderScribeKnobs, application
from receiver.submissions import paying
from tests.providers.breaking import End, a_part, all_of_it, answer, breaking, nothing
from tests.providers.scripted import Provider, turns_enough
from tests.sandbox.simulated import URL

KEY = SecretStr("sk-never-to-be-shown")
LARGE = 32_000_000  # more than the buffers of both ends hold
HI = httpx.Response(200, json={"text": "Hi."})


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Media:
    path = tmp_path_factory.mktemp("media") / "talk"
    path.write_bytes(hashlib.shake_128(b"talk").digest(LARGE))
    return Media(path, "talk.mp3", LARGE)


def client(url: str, *, key: SecretStr | None = KEY, transport: httpx.AsyncBaseTransport | None = None) -> OpenAI:
    """Return a client that would try again if it could."""
    turns = turns_enough()
    return OpenAI(url, key, budget=turns, transport=transport, retries=(0, 0))


def order(file: Media, **wishes: Any) -> Order:
    return Order("transcription", Transcribe.model_validate(wishes), file=file)


@asynccontextmanager
async def simulated() -> AsyncIterator[tuple[OpenAI, Sandbox]]:
    """Yield a client, and ThunderScribe's sandbox: the same API at `/v1`."""
    sandbox = Sandbox(speed=1e7, knobs=Knobs(thunderscribe=ThunderScribeKnobs(paths="v1")), seed=None)
    transport = httpx.ASGITransport(application(sandbox), raise_app_exceptions=False)
    async with client(f"{URL}/thunderscribe/api", transport=transport) as api:
        yield api, sandbox
    await sandbox.close()


async def test_a_file_arrives_byte_for_byte_with_its_order_and_is_billed_once(file: Media) -> None:
    async with simulated() as (api, sandbox):
        raw = (await api.start(order(file, language="en"))).raw
        (sent,) = sandbox.files()
        assert (sent.filename, sent.received) == ("talk.mp3", LARGE)
        assert sent.digest.hexdigest() == hashlib.sha256(file.path.read_bytes()).hexdigest()
        assert len(sandbox.charges) == len(sandbox.asked) == 1
    segment = OpenAI.transcript("transcription", raw).segments[0]
    assert " ".join(word.text for word in segment.words) == segment.text


class Unread(httpx.AsyncBaseTransport):
    """A server that answers before anything arrives; notes how long it is waited for."""

    def __init__(self) -> None:
        self.waits = list[float]()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.waits.append(request.extensions["timeout"]["read"])
        return HI


async def test_a_call_ends_before_its_job_however_large_the_file_is(tmp_path: Path) -> None:
    path, size = tmp_path / "huge", 10**11
    path.touch()
    os.truncate(path, size)
    async with client(URL, transport=(server := Unread())) as api:
        await api.start(replace(order(Media(path, "huge.wav", size)), patience=paying.patience(None)))
    assert server.waits == [CALL_SECONDS]


@pytest.mark.parametrize("url", ["http://h.test", "http://h.test/", "http://h.test/v1", "http://h.test/v1/"])
async def test_the_url_may_end_in_v1(file: Media, url: str) -> None:
    async with client(url, transport=httpx.MockTransport(provider := Provider(HI))) as api:
        await api.start(order(file))
    assert [str(request.url) for request in provider.asked] == ["http://h.test/v1/audio/transcriptions"]


@pytest.mark.parametrize(("key", "header"), [(None, None), (KEY, f"Bearer {KEY.get_secret_value()}")])
async def test_a_key_goes_along_if_there_is_one(file: Media, key: SecretStr | None, header: str | None) -> None:
    async with client(URL, key=key, transport=httpx.MockTransport(provider := Provider(HI))) as api:
        await api.start(order(file))
    assert provider.sent("Authorization") == [header]


def test_a_language_need_not_be_said_and_lists_have_their_brackets() -> None:
    levels = [("timestamp_granularities[]", "segment"), ("timestamp_granularities[]", "word")]
    assert Transcribe.model_validate({}).to_form() == [("response_format", "verbose_json"), *levels]


def test_nobody_knows_its_limits() -> None:
    OpenAI.check("transcription", Media(Path("talk"), "talk", 10**12), 1e6)


@pytest.mark.parametrize(
    ("after", "says", "end", "error", "code"),
    [
        (a_part, b"", "reset", ProviderUnavailable, "not_all_sent"),
        (nothing, answer(401), "reads on", Unauthenticated, "http_401"),
        (all_of_it, b"", "reset", ProviderUnavailable, "transport"),
        (all_of_it, answer(524, b"<html>"), "close", ProviderUnavailable, "http_524"),
        (all_of_it, answer(200, b'{"text"', says=100), "close", ProviderUnavailable, "transport"),
    ],
)
async def test_an_order_that_fails_is_never_sent_again_and_tells_what_can_have_been_begun(
    file: Media, after: Callable[[int], int], says: bytes, end: End, error: type[ProviderError], *, code: str
) -> None:
    async with breaking(after=after, says=says, end=end) as server, client(server.url) as api:
        with pytest.raises(error) as raised:
            await api.start(order(file))
    assert raised.value.code == code
    assert (code in NOTHING_SENT) == (code == "not_all_sent")
    assert len(server.heads) == 1
    assert KEY.get_secret_value() not in str(raised.value)
