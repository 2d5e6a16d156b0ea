"""A client of the simulated Timbr in this process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from receiver.sandbox import Knobs, TimbrKnobs
from tests.sandbox.simulated import LONGEST_WAIT, URL, sandboxed

KEY = "any key"
AT_ONCE = 1e7  # a task on two hours takes less than a millisecond, and so does the limit's minute
WAV, SRT = "audio/wav", "application/x-subrip"
ORDERS: dict[str, dict[str, str]] = {
    "transcription": {"detect_speakers": "true", "denoise_audio": "false"},
    "translation": {"source_language": "en", "target_language": "ko"},
    "audio-separation": {},
}


@asynccontextmanager
async def timbr(*, speed: float = AT_ONCE, files: float = 1, **knobs: Any) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of a new sandbox; its base is `/timbr/openapi/`."""
    async with sandboxed(speed=speed, files=files, knobs=Knobs(timbr=TimbrKnobs(**knobs)), key=KEY) as client:
        client.base_url = httpx.URL(f"{URL}/timbr/openapi/")
        yield client


def data(answer: httpx.Response) -> dict[str, Any]:
    """Return what an answer that is no refusal holds."""
    assert answer.status_code == 200, answer.text
    envelope = answer.json()
    assert envelope["status"] == 1, envelope
    found: dict[str, Any] = envelope["data"]
    return found


def code(answer: httpx.Response) -> tuple[int, int, str]:
    """Return the status of a refusal, the one in its envelope, and its code."""
    envelope = answer.json()
    return answer.status_code, envelope["status"], envelope["result_code"]


async def send(client: httpx.AsyncClient, path: str, fields: dict[str, str], **more: Any) -> httpx.Response:
    """Send a form without a file as multipart."""
    return await client.post(path, files={name: (None, value) for name, value in fields.items()}, **more)


async def uploaded(client: httpx.AsyncClient, name: str = "talk.wav", content: bytes = b"sound") -> str:
    """Upload a file and return its id."""
    kind = SRT if name.endswith(".srt") else WAV
    (file,) = data(await client.post("v1/upload/file/", files={"file": (name, content, kind)}))["files"]
    file_id: str = file["file_id"]
    return file_id


async def ordered(client: httpx.AsyncClient, operation: str, file_id: str, **more: str) -> httpx.Response:
    """Ask for a task."""
    return await send(client, f"v1/{operation}/", {"file_id": file_id} | ORDERS[operation] | more)


async def look(client: httpx.AsyncClient, task_id: str) -> dict[str, Any]:
    """Return a task."""
    return data(await send(client, "v1/task/", {"task_id": task_id}))


async def ended(
    client: httpx.AsyncClient, operation: str, name: str = "talk.wav", content: bytes = b"sound"
) -> dict[str, Any]:
    """Have a task done on a new file, and return it as it ended."""
    task_id = data(await ordered(client, operation, await uploaded(client, name, content)))["task_id"]
    async with asyncio.timeout(LONGEST_WAIT):
        while not ((task := await look(client, task_id))["output_assets"] or task["error_message"]):  # noqa: ASYNC110 - a far side has no event to wait for
            await asyncio.sleep(0.001)
    return task


async def fetched(client: httpx.AsyncClient, link: str, **headers: str) -> httpx.Response:
    """Fetch a file by its link, without the key."""
    return await client.get(link, headers={"Authorization": "", **headers})


async def text(client: httpx.AsyncClient, task: dict[str, Any]) -> str:
    """Return what a task's only file says."""
    (asset,) = task["output_assets"]
    return (await fetched(client, asset["link"])).content.decode()


async def charges(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    """Return the ledger."""
    found: list[dict[str, Any]] = (await client.get(f"{URL}/sandbox/charges")).json()
    return found
