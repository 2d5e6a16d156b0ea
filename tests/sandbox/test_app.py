"""`receiver.sandbox`: what every answer carries, whichever provider gives it."""

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send

from receiver.sandbox import Sandbox, application
from receiver.sandbox.wire import Wire
from tests.sandbox.simulated import URL, error, sandboxed


@pytest.mark.parametrize("path", ["api/v1/me", "api/v1/transcriptions/1", "nothing", "sandbox/requests", "s3/x"])
async def test_every_origin_may_read_every_answer(path: str) -> None:
    async with sandboxed() as client:
        answer = await client.get(f"{URL}/{path}")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "X-Request-Id" in answer.headers["Access-Control-Expose-Headers"]


async def test_a_browser_that_asks_whether_it_may_is_told_yes_without_a_key() -> None:
    asked = {
        "Origin": "https://app.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, idempotency-key",
    }
    async with sandboxed(key=None) as client:
        answer = await client.options("transcriptions", headers=asked)
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert answer.headers["Access-Control-Allow-Headers"] == "authorization, idempotency-key"


async def test_any_server_may_run_it_also_one_that_says_when_it_starts_and_ends() -> None:
    asked: list[Message] = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    told = []

    async def receive() -> Message:
        return asked.pop(0)

    async def send(message: Message) -> None:
        told.append(message["type"])

    sandbox = Sandbox()
    await application(sandbox)({"type": "lifespan", "state": {}}, receive, send)
    await sandbox.close()
    assert told == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_a_fault_of_the_sandbox_is_answered_in_the_envelope_and_told_in_its_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def broken(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise ZeroDivisionError

    sandbox = Sandbox()
    transport = httpx.ASGITransport(Wire(broken, sandbox))
    async with httpx.AsyncClient(base_url=URL, transport=transport) as client:
        answer = await client.get("/api/v1/me")
        await client.get("/files/abc+resume-token")
    await sandbox.close()
    assert error(answer) == (500, "internal_error")
    assert answer.json()["error"]["request_id"] == answer.headers["X-Request-Id"]
    assert "ZeroDivisionError" in caplog.text
    assert "/files/abc" in caplog.text
    assert "resume-token" not in caplog.text
