"""The client against the sandbox over real connections: every endpoint, and every kind of bad day at each.

The sandbox is one for the whole file; every test has a key, and so an account, of its own.
"""

import asyncio
import itertools
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr

from receiver.errors import (
    InvalidRequest,
    NotFound,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    Unauthenticated,
)
from receiver.providers import Recording, TranscribeSo
from receiver.providers.budget import OwnBudget
from receiver.providers.rate import MINUTE, Rate
from receiver.providers.transcribe_so import read_result
from receiver.providers.transcribe_so.answers import UploadAnswer
from receiver.providers.transcribe_so.client import Client
from receiver.sandbox import EXAMPLE_ID, Sandbox, application
from receiver.sandbox.transcribe_so.uploads import Uploads
from receiver.server import bind, serve

pytestmark = pytest.mark.asyncio(loop_scope="module")

SPEED = 1000  # a transcription takes 60 ms
CONTENT = b"0123456789"
EPISODE = Recording(source="youtube", url="https://youtu.be/x", pipeline_code="qwen3-asr-flash-filetrans")
DOCS = "https://transcribe.so/developers/docs"
SETTINGS = "https://transcribe.so/settings/api-keys"
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # reading the machine's certificates takes longer than a test
numbers = itertools.count(1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def url() -> AsyncIterator[str]:
    """Yield the address of a running sandbox."""
    sandbox, stop = Sandbox(speed=SPEED), asyncio.Event()
    sandbox.transcribe_so.uploads = Uploads(speed=1, chance=sandbox.chance)  # a busy machine has time to use an address
    listener = bind("127.0.0.1", 0)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else every answer waits 40 ms for an ACK
    serving = asyncio.create_task(serve(application(sandbox), listener, stop))
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    sandbox.stop()
    stop.set()
    await serving
    await sandbox.close()


@pytest_asyncio.fixture(loop_scope="module")
async def api(url: str) -> AsyncIterator[TranscribeSo]:
    """Yield a client with a key of its own."""
    async with client(url) as one:
        yield one


def client(url: str, key: str | None = None) -> TranscribeSo:
    turns = OwnBudget(Rate.of(60, minute=MINUTE / SPEED))
    transport = httpx.AsyncHTTPTransport(verify=NO_TLS)
    name = SecretStr(key or f"tsk_live_{next(numbers)}")
    return TranscribeSo(url, name, budget=turns, transport=transport, answer_bytes=1024 * 1024)


# --- what there is to ask --------------------------------------------------------------------------------------------


async def nothing(_: TranscribeSo) -> None:
    """Prepare nothing."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint of the API and the client's method for it.

    Attributes:
        method, path: what is asked for; the end of the path, with `*` for anything.
        ask: calls the method with what `before` returned.
        gives: `model` where the answer is read, `bytes` where it is handed on, `nothing` where its status says all.
        before: gives the account what the endpoint needs.
    """

    method: str
    path: str
    ask: Callable[[TranscribeSo, Any], Awaitable[object]]
    gives: Literal["model", "bytes", "nothing"] = "model"
    before: Callable[[TranscribeSo], Awaitable[object]] = nothing


async def everything(api: TranscribeSo) -> list[int]:
    return [item.id async for item in api.list()]


async def put(api: TranscribeSo, upload: UploadAnswer) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield CONTENT

    await api.put_upload(upload, pieces(), content_type="audio/mpeg", file_size=len(CONTENT))


def upload(api: TranscribeSo, *, file_size: int = len(CONTENT)) -> Awaitable[UploadAnswer]:
    return api.create_upload("a.mp3", content_type="audio/mpeg", file_size=file_size)


async def a_failed_one(api: TranscribeSo) -> int:
    recording = Recording(source="external_url", url="https://example.com/fail.mp3", duration_seconds=60)
    submitted = await api.transcribe(recording, idempotency_key="failed")
    assert (await api.wait(submitted.id, seconds=45)).status == "failed"
    return submitted.id


async def a_webhook(api: TranscribeSo) -> None:
    """Register a webhook at an address without a server."""
    await api.register_webhook("http://127.0.0.1:1/", idempotency_key="registered")


EXAMPLE = f"/transcriptions/{EXAMPLE_ID}"
ENDPOINTS = {
    "me": Endpoint("GET", "/me", lambda api, _: api.me()),
    "pipelines": Endpoint("GET", "/pipelines", lambda api, _: api.pipelines()),
    "create_upload": Endpoint("POST", "/uploads", lambda api, _: upload(api)),
    "put_upload": Endpoint("PUT", "/s3/*", put, "nothing", upload),
    "create_tus_upload": Endpoint("POST", "/uploads/tus", lambda api, _: api.create_tus_upload("a.mp3", file_size=10)),
    "transcribe": Endpoint("POST", "/transcriptions", lambda api, _: api.transcribe(EPISODE, idempotency_key="k")),
    "quote": Endpoint("POST", "/quotes", lambda api, _: api.quote(EPISODE, idempotency_key="k")),
    "list": Endpoint("GET", "/transcriptions", lambda api, _: everything(api)),
    "get": Endpoint("GET", EXAMPLE, lambda api, _: api.get(EXAMPLE_ID)),
    "wait": Endpoint("GET", f"{EXAMPLE}/wait", lambda api, _: api.wait(EXAMPLE_ID, seconds=1)),
    "result": Endpoint("GET", f"{EXAMPLE}/result", lambda api, _: api.result(EXAMPLE_ID), "bytes"),
    "delete": Endpoint("DELETE", EXAMPLE, lambda api, _: api.delete(EXAMPLE_ID), "nothing"),
    "retry": Endpoint("POST", "/retry", lambda api, i: api.retry(i, idempotency_key="k"), before=a_failed_one),
    "timestamps": Endpoint(
        "GET", f"{EXAMPLE}/timestamps", lambda api, _: api.timestamps(EXAMPLE_ID, "youtube"), "bytes"
    ),
    "regenerate_timestamps": Endpoint(
        "POST", "/timestamps/regenerate", lambda api, _: api.regenerate_timestamps(EXAMPLE_ID, idempotency_key="k"),
        "bytes",
    ),
    "subtitles": Endpoint("GET", f"{EXAMPLE}/subtitles", lambda api, _: api.subtitles(EXAMPLE_ID, "json"), "bytes"),
    "register_webhook": Endpoint(
        "POST", "/webhooks", lambda api, _: api.register_webhook("http://127.0.0.1:1/", idempotency_key="k")
    ),
    "get_webhook": Endpoint("GET", "/webhooks", lambda api, _: api.get_webhook(), before=a_webhook),
    "delete_webhook": Endpoint("DELETE", "/webhooks", lambda api, _: api.delete_webhook(), "nothing", a_webhook),
    "test_webhook": Endpoint(
        "POST", "/webhooks/test", lambda api, _: api.test_webhook(idempotency_key="k"), "nothing", a_webhook
    ),
}  # fmt: skip
NO_ENDPOINTS = {"http", "listed", "one"}
every_endpoint = pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=ENDPOINTS)


async def test_every_public_method_of_the_client_is_in_the_table() -> None:
    public = {name for name in vars(Client) if not name.startswith("_")}
    assert public - NO_ENDPOINTS == {*ENDPOINTS}


@every_endpoint
async def test_every_endpoint_answers(api: TranscribeSo, endpoint: Endpoint) -> None:
    answer = await endpoint.ask(api, await endpoint.before(api))
    assert (answer is None) == (endpoint.gives == "nothing")
    assert isinstance(answer, bytes) == (endpoint.gives == "bytes")


# --- every endpoint on a bad day -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fault:
    """The effect of a fault. `read`: only a client that reads the body notices it."""

    error: type[ProviderError]
    code: str
    status: int | None
    enveloped: bool = False
    read: bool = False


FAULTS = {
    "429": Fault(RateLimited, "rate_limited", 429, enveloped=True),
    "500": Fault(ProviderUnavailable, "internal_error", 500, enveloped=True),
    "html": Fault(ProviderUnavailable, "http_502", 502),
    "redirect": Fault(ProviderUnavailable, "http_307", 307),
    "truncated": Fault(ProviderUnavailable, "transport", None),
    "huge": Fault(ProviderUnavailable, "malformed_answer", None),
    "malformed": Fault(ProviderUnavailable, "malformed_answer", None, read=True),
}


@every_endpoint
@pytest.mark.parametrize("kind", FAULTS)
async def test_every_fault_of_every_endpoint_is_its_error(api: TranscribeSo, endpoint: Endpoint, kind: str) -> None:
    before, fault = await endpoint.before(api), FAULTS[kind]
    planned = {"endpoint": endpoint.path, "method": endpoint.method, "kind": kind}
    await api.http.post(f"{api.api_url}/sandbox/faults", json=planned)
    if fault.read and endpoint.gives != "model":
        await endpoint.ask(api, before)
        return
    with pytest.raises(ProviderError) as raised:
        await endpoint.ask(api, before)
    error = raised.value
    if endpoint.method == "PUT" and fault.status is not None:  # the upload server's words, which can hold the ticket
        assert (error.code, error.message) == (f"http_{fault.status}", f"the upload server answered {error.status}")
        return
    assert (type(error), error.code, error.status) == (fault.error, fault.code, fault.status)
    if fault.enveloped:
        assert (error.request_id or "").startswith("req_")
        assert (error.doc_url or "").startswith("https://transcribe.so/")
    left = await api.http.get(f"{api.api_url}/sandbox/faults")
    assert left.json() == {"faults": []}


@every_endpoint
async def test_a_key_that_is_not_one_is_said_to_be_none_by_every_endpoint(
    url: str, api: TranscribeSo, endpoint: Endpoint
) -> None:
    before = await endpoint.before(api)
    if endpoint.ask is put:
        return  # it takes a ticket, and no key
    async with client(url, "no_key_of_theirs") as other:
        with pytest.raises(Unauthenticated) as raised:
            await endpoint.ask(other, before)
    assert (raised.value.code, raised.value.status, raised.value.doc_url) == ("invalid_api_key", 401, SETTINGS)


# --- ways through several endpoints ----------------------------------------------------------------------------------


async def test_a_file_is_uploaded_submitted_and_transcribed(api: TranscribeSo) -> None:
    place = await upload(api)
    await put(api, place)
    sent = Recording(source="upload", upload_id=place.upload_id, duration_seconds=60)
    submitted = await api.transcribe(sent, idempotency_key="k", callback_url="http://127.0.0.1:1/")
    assert submitted.callback is not None
    ended = await api.wait(submitted.id, seconds=45)
    assert ended.status == "completed"
    assert (await read_result(await api.result(ended.id)))[1].segments


async def test_a_file_of_another_size_is_refused_without_its_ticket_in_the_error(api: TranscribeSo) -> None:
    place = await upload(api, file_size=2 * len(CONTENT))
    with pytest.raises(InvalidRequest) as raised:
        await put(api, place)
    assert (raised.value.code, raised.value.status) == ("http_400", 400)
    assert place.upload_url.get_secret_value() not in str(raised.value)


async def test_a_deleted_transcription_is_gone(api: TranscribeSo) -> None:
    await api.delete(EXAMPLE_ID)
    with pytest.raises(NotFound):
        await api.get(EXAMPLE_ID)


async def test_a_deleted_webhook_is_gone(api: TranscribeSo) -> None:
    registered = await api.register_webhook("http://127.0.0.1:1/", idempotency_key="k")
    assert (await api.get_webhook()).id == registered.id
    await api.delete_webhook()
    for ask in (api.get_webhook(), api.delete_webhook(), api.test_webhook(idempotency_key="t")):
        with pytest.raises(NotFound):
            await ask


async def test_a_list_of_two_pages_is_whole(api: TranscribeSo) -> None:
    """Submitted as fast as that, many share their millisecond."""
    quotes = [await api.quote(EPISODE, idempotency_key=str(number)) for number in range(205)]
    found = [item.id async for item in api.list(api_only=True)]
    assert found == [quote.transcription_id for quote in reversed(quotes)]
    assert EXAMPLE_ID in [item.id async for item in api.list()]
