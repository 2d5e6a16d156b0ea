"""A client of the simulated fishaudio in this process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from receiver.sandbox import FishAudioKnobs, Knobs
from tests.sandbox.simulated import URL, sandboxed

KEY = "any key"
AT_ONCE = 1e7  # a hundred hours take a few hundredths of a second, and the limit's minute far less
PATH = "speech-to-text"


@asynccontextmanager
async def fishaudio(*, speed: float = AT_ONCE, **knobs: Any) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of a new sandbox; its base is `/fishaudio/api/open/`."""
    async with sandboxed(speed=speed, knobs=Knobs(fishaudio=FishAudioKnobs(**knobs)), key=KEY) as client:
        client.base_url = httpx.URL(f"{URL}/fishaudio/api/open/")
        yield client


async def transcribed(client: httpx.AsyncClient, name: str = "talk.mp3", **more: Any) -> httpx.Response:
    """Have a recording transcribed."""
    return await client.post(PATH, json={"audio_url": f"https://example.com/{name}"} | more)


async def charges(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await client.get(f"{URL}/sandbox/charges")).json()
    return found
