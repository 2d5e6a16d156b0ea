"""A client of the simulated Timbr in this process."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from receiver.providers import Timbr
from receiver.providers.orders import Accepted, Media, Notes, Order, Seen, Uploaded
from receiver.sandbox import Knobs, Sandbox, TimbrKnobs, application
from tests.providers.scripted import turns_enough
from tests.sandbox.simulated import LONGEST_WAIT, URL

AT_ONCE = 1e7
KEY = SecretStr("timbr_key_never_to_be_shown")
CLIENT = "123e4567-e89b-12d3-a456-426614174000"
SECRET = SecretStr("client_secret_never_to_be_shown")
WITH_CLIENT: Mapping[str, Any] = {"client_id": CLIENT, "client_secret": SECRET}
TOKENS, START = "/auth/token/", "/v1/transcription/"
FILE = Path(__file__)  # its content does not matter


def client(transport: httpx.AsyncBaseTransport, key: SecretStr | None = KEY, **options: Any) -> Timbr:
    """Return a client that would try again if it could."""
    turns = turns_enough()
    return Timbr(f"{URL}/timbr", key, budget=turns, transport=transport, **{"retries": (0, 0)} | options)


@dataclass(frozen=True, slots=True)
class Simulated:
    """A client, and the sandbox that it asks."""

    api: Timbr
    sandbox: Sandbox
    transport: httpx.ASGITransport

    async def upload(self, name: str = "talk.wav") -> Uploaded:
        return await self.api.upload(Media(FILE, name, FILE.stat().st_size), {}, _keep, lambda _: None)

    async def start(self, name: str = "talk.wav", operation: str = "transcription", **wishes: Any) -> str:
        """Upload a file, have something made of it, and return the task's id."""
        file_id = (await self.upload(name)).file_id
        accepted = await self.api.start(
            Order(operation, Timbr.operations[operation].model_validate(wishes), file_id=file_id)
        )
        assert isinstance(accepted, Accepted)
        return accepted.remote_id

    async def seen(self, task_id: str) -> Seen:
        """Look at a task until it has ended."""
        async with asyncio.timeout(LONGEST_WAIT):
            while (seen := (await self.api.look([task_id]))[task_id]).state == "waiting":  # noqa: ASYNC110 - a far side has no event to wait for
                await asyncio.sleep(0.001)
        return seen

    async def fetched(self, link: SecretStr) -> bytes:
        async with httpx.AsyncClient(transport=self.transport) as http:
            return (await http.get(link.get_secret_value())).content

    def plan(self, endpoint: str, kind: str) -> None:
        self.sandbox.faults.plan({"endpoint": endpoint, "kind": kind, "method": "POST"})

    def asked(self, endpoint: str) -> int:
        return sum(asked.path.endswith(endpoint) for asked in self.sandbox.asked)

    def forget_tokens(self) -> None:
        """Let every token be refused from now on."""
        self.sandbox.timbr.tokens._by_text.clear()  # noqa: SLF001 - as if they were deleted elsewhere


async def _keep(_: Notes) -> None:
    """Keep nothing."""


@asynccontextmanager
async def simulated(
    key: SecretStr | None = KEY, *, options: Mapping[str, Any] | None = None, **knobs: Any
) -> AsyncIterator[Simulated]:
    sandbox = Sandbox(speed=AT_ONCE, knobs=Knobs(timbr=TimbrKnobs(**knobs)), seed=None)
    sandbox.expiry_speed = 1
    transport = httpx.ASGITransport(application(sandbox), raise_app_exceptions=False)
    async with client(transport, key, **options or {}) as api:
        yield Simulated(api, sandbox, transport)
    await sandbox.close()
