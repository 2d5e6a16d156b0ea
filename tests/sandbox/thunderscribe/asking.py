"""A client of the simulated ThunderScribe in this process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from receiver.sandbox import Knobs
from receiver.sandbox.knobs import ThunderScribeKnobs
from tests.sandbox.simulated import URL, sandboxed

KEY = "any key"
AT_ONCE = 1e7  # two hours take less than a millisecond, and so does the limit's minute
TRANSCRIPTIONS = "v3/audio/transcriptions"
SOUND = b"sound"


@asynccontextmanager
async def thunderscribe(*, speed: float = AT_ONCE, **knobs: Any) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of a new sandbox; its base is `/thunderscribe/api/`."""
    chosen = Knobs(thunderscribe=ThunderScribeKnobs(**knobs))
    async with sandboxed(speed=speed, knobs=chosen, key=KEY) as client:
        client.base_url = httpx.URL(f"{URL}/thunderscribe/api/")
        yield client


def named(name: str, content: bytes = SOUND) -> dict[str, tuple[str, bytes]]:
    """Return a file to send."""
    return {"file": (name, content)}


async def transcribed(client: httpx.AsyncClient, name: str = "talk.mp3", **more: Any) -> httpx.Response:
    """Have a recording transcribed."""
    data = {"language": "en", "response_format": "json"} | more
    return await client.post(TRANSCRIPTIONS, data=data, files=named(name))


async def charges(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await client.get(f"{URL}/sandbox/charges")).json()
    return found
