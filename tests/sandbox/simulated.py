"""A sandbox in this process and a target for its deliveries, for the tests of the sandbox."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import chain, repeat
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from receiver.sandbox import Knobs, Sandbox, application
from receiver.sandbox.transcribe_so.uploads import Uploads

URL = "http://sandbox.test"
KEY = "tsk_live_one"
OTHER = {"Authorization": "Bearer tsk_live_two"}
PIPELINE = "qwen3-asr-flash-filetrans"
ALMOST_AT_ONCE = 200_000.0  # the provider's longest pause takes a fifth of a second
NO_KNOBS = Knobs()
LONGEST_WAIT = 60  # seconds; whatever has not come by then never comes


@asynccontextmanager
async def sandboxed(
    *, speed: float = 6000, files: float = 1, knobs: Knobs = NO_KNOBS, seed: int | None = None, key: str | None = KEY
) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of a new sandbox; its base is `/api/v1/`.

    Addresses, tickets and tokens expire `files` times as fast as at the provider: at `speed` one would be gone
    before a busy machine has used it.
    """
    sandbox = Sandbox(speed=speed, knobs=knobs, seed=seed)
    sandbox.expiry_speed = files
    sandbox.transcribe_so.uploads = Uploads(speed=files, chance=sandbox.chance)
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    transport = httpx.ASGITransport(application(sandbox), raise_app_exceptions=False)
    async with httpx.AsyncClient(base_url=f"{URL}/api/v1/", headers=headers, transport=transport) as client:
        yield client
    await sandbox.close()


def hold_transcriptions(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Let every transcription last until the event is set, whatever the speed."""
    over = asyncio.Event()

    async def pause(sandbox: Sandbox, _: float) -> bool:
        await over.wait()
        return sandbox.stopping.is_set()

    monkeypatch.setattr(Sandbox, "pause", pause)
    return over


def hold_retries(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Let the pause between two deliveries of an event last until the event is set, whatever the speed."""
    over = asyncio.Event()

    async def sleep(_: float) -> None:
        await over.wait()

    monkeypatch.setattr(
        "receiver.sandbox.transcribe_so.deliveries.asyncio", SimpleNamespace(sleep=sleep, timeout=asyncio.timeout)
    )
    return over


class Target:
    """Where deliveries go: a server on the loopback that answers with prepared statuses, then always 200."""

    def __init__(self, *statuses: int) -> None:
        self._statuses: Iterator[int] = chain(statuses, repeat(200))
        self._arrived: asyncio.Queue[tuple[list[tuple[bytes, bytes]], bytes]] = asyncio.Queue()
        self._served: list[asyncio.Task[Any] | None] = []
        self.url = ""

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["Target"]:
        async with await asyncio.start_server(self._serve, "127.0.0.1", 0) as server:
            self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
            yield self
        await asyncio.wait_for(asyncio.gather(*filter(None, self._served)), LONGEST_WAIT)

    async def next(self) -> tuple[list[tuple[bytes, bytes]], bytes]:
        """Return headers and body of the next delivery."""
        return await asyncio.wait_for(self._arrived.get(), LONGEST_WAIT)

    async def next_event(self) -> dict[str, Any]:
        payload: dict[str, Any] = json.loads((await self.next())[1])
        return payload

    @property
    def more(self) -> int:
        """The number of unexpected deliveries."""
        return self._arrived.qsize()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._served.append(asyncio.current_task())
        head = await reader.readuntil(b"\r\n\r\n")
        lines = [line.partition(b": ") for line in head.split(b"\r\n")[1:-2]]
        headers = [(name.lower(), value) for name, _, value in lines]
        body = await reader.readexactly(int(dict(headers)[b"content-length"]))
        writer.write(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % next(self._statuses))
        self._arrived.put_nowait((headers, body))
        writer.close()
        await writer.wait_closed()


async def register(client: httpx.AsyncClient, url: str) -> str:
    """Register a webhook and return its secret."""
    answer = await client.post("webhooks", json={"url": url})
    assert answer.status_code == 201
    secret: str = answer.json()["signing_secret"]
    return secret


def submission(url: object = "https://youtu.be/x", **more: object) -> dict[str, object]:
    return {"source": "youtube", "url": url, "pipeline_code": PIPELINE, **more}


async def submit(client: httpx.AsyncClient, url: str = "https://youtu.be/x", **more: object) -> int:
    """Submit a recording and return its id."""
    answer = await client.post("transcriptions", json=submission(url, **more))
    assert answer.status_code == 202, answer.text
    number: int = answer.json()["id"]
    return number


async def ended(client: httpx.AsyncClient, number: int, query: str = "") -> dict[str, Any]:
    """Wait until a transcription has ended and return what the wait answers."""
    async with asyncio.timeout(LONGEST_WAIT):
        while True:
            shown: dict[str, Any] = (await client.get(f"transcriptions/{number}/wait?timeout=45{query}")).json()
            if "_timed_out" not in shown:
                return shown


async def made(client: httpx.AsyncClient, url: str, **more: object) -> int:
    """Submit a recording, wait until it is transcribed, and return its id."""
    number = await submit(client, url, **more)
    assert (await ended(client, number))["status"] == "completed"
    return number


def error(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]
