"""A client of the simulated Timbr audio API in this process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from receiver.sandbox import Knobs, Sandbox, TimbrAudioKnobs, application
from receiver.sandbox.timbr_audio.state import SimulatedTimbrAudio
from tests.sandbox.simulated import LONGEST_WAIT, URL

KEY = "TBR_any"
OTHER = {"Authorization": "Bearer TBR_other"}
AT_ONCE = 1e7  # an hour's job takes a fraction of a millisecond, and so does the limit's minute
CREATE_ONLY = {"x-goog-if-generation-match": "0"}
SOUND = b"sound"


@asynccontextmanager
async def simulated(
    *, speed: float = AT_ONCE, **knobs: Any
) -> AsyncIterator[tuple[httpx.AsyncClient, SimulatedTimbrAudio]]:
    """Yield a client of a new sandbox, whose base is `/timbr-audio/v1/`, and the provider. Links live in real time."""
    sandbox = Sandbox(speed=speed, knobs=Knobs(timbr_audio=TimbrAudioKnobs(**knobs)))
    sandbox.expiry_speed = 1
    transport = httpx.ASGITransport(application(sandbox), raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(base_url=f"{URL}/timbr-audio/v1/", headers=headers, transport=transport) as client:
        yield client, sandbox.timbr_audio
    await sandbox.close()


@asynccontextmanager
async def timbr_audio(*, speed: float = AT_ONCE, **knobs: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with simulated(speed=speed, **knobs) as (client, _):
        yield client


async def announced(client: httpx.AsyncClient, name: str = "talk.wav") -> tuple[str, str]:
    """Announce a file. Return its id and the address for it."""
    answer = await client.post("upload", json={"filename": name})
    assert answer.status_code == 200, answer.text
    return answer.json()["file_id"], answer.json()["upload_url"]


async def put(
    client: httpx.AsyncClient, url: str, content: bytes = SOUND, headers: dict[str, str] | None = None
) -> httpx.Response:
    """Send a file to its address, without the key."""
    request = client.build_request("PUT", url, content=content, headers=CREATE_ONLY)
    del request.headers["Authorization"]
    request.headers.update(headers or {})
    return await client.send(request)


async def get(client: httpx.AsyncClient, url: str, **headers: str) -> httpx.Response:
    """Ask for an artifact, without the key."""
    request = client.build_request("GET", url, headers=headers)
    del request.headers["Authorization"]
    return await client.send(request)


async def uploaded(client: httpx.AsyncClient, name: str = "talk.wav", content: bytes = SOUND) -> str:
    """Send a file. Return its id."""
    file_id, url = await announced(client, name)
    assert (await put(client, url, content)).status_code == 200
    return file_id


async def started(client: httpx.AsyncClient, operation: str, file_id: str, **wishes: Any) -> str:
    answer = await client.post(f"audio/{operation}", json={"file_id": file_id} | wishes)
    assert answer.status_code == 200, answer.text
    job_id: str = answer.json()["job_id"]
    return job_id


async def ended(client: httpx.AsyncClient, job_id: str) -> dict[str, Any]:
    """Return a job when it has ended."""
    async with asyncio.timeout(LONGEST_WAIT):
        while True:
            job: dict[str, Any] = (await client.get(f"jobs/{job_id}")).json()
            if job["status"] in ("completed", "failed"):
                return job
            await asyncio.sleep(0)


async def made(
    client: httpx.AsyncClient, operation: str = "separate", name: str = "talk.wav", **wishes: Any
) -> dict[str, Any]:
    """Have a file worked on. Return the job when it has ended."""
    return await ended(client, await started(client, operation, await uploaded(client, name), **wishes))


async def charges(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await client.get(f"{URL}/sandbox/charges")).json()
    return found
