"""`assistants.gate`: who may ask over HTTP; everybody else is refused before the protocol sees the request."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from receiver.assistants.gate import MOST_BYTES, Gate

TOKEN = "a-token-of-the-assistants"
HERE = "http://127.0.0.1:8090"


class Asked:
    """A gate, and what has come through it."""

    def __init__(self) -> None:
        self.came: list[bytes] = []
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(Gate(self._answer, TOKEN, 8090)), base_url=HERE)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.came.append(await Request(scope, receive).body())
        await PlainTextResponse("yes")(scope, receive, send)

    async def post(self, body: bytes = b"{}", path: str = "/mcp", **headers: str) -> int:
        given = {"Authorization": f"Bearer {TOKEN}"} | {name.title(): value for name, value in headers.items()}
        return (await self.http.post(path, content=body, headers=given)).status_code


@pytest_asyncio.fixture
async def gate() -> AsyncIterator[Asked]:
    asked = Asked()
    async with asked.http:
        yield asked


@pytest.mark.parametrize("host", ["127.0.0.1:8090", "localhost:8090", "LOCALHOST:8090"])
async def test_who_knows_the_token_may_ask_this_host(gate: Asked, host: str) -> None:
    assert await gate.post(b"[1]", host=host) == 200
    assert await gate.post(b"x" * MOST_BYTES, authorization=f"bearer {TOKEN}") == 200
    assert [len(body) for body in gate.came] == [3, MOST_BYTES]


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        *((403, {"host": host}) for host in (
            "evil.test", "evil.test:8090", "127.0.0.1", "127.0.0.1:80", "localhost.evil:8090",
        )),
        *((403, {"origin": origin}) for origin in (HERE, "null", "", "http://evil.test")),
        *((401, {"authorization": given}) for given in (
            "", "Bearer", "Bearer ", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer x y",
        )),
    ],
)  # fmt: skip
async def test_strangers_are_refused_before_the_protocol_sees_them(
    gate: Asked, status: int, headers: dict[str, str]
) -> None:
    assert await gate.post(b"{}", "/mcp", **headers) == status
    assert gate.came == []


async def test_two_hosts_or_tokens_are_none(gate: Asked) -> None:
    right = ("Authorization", f"Bearer {TOKEN}")
    for more in (("Host", "127.0.0.1:8090"), right):
        answer = await gate.http.post("/mcp", headers=[("Host", "127.0.0.1:8090"), right, more])
        assert answer.status_code in (401, 403)
    assert gate.came == []


async def test_only_questions_go_through_and_none_is_too_large(gate: Asked) -> None:
    right = {"Authorization": f"Bearer {TOKEN}"}
    assert (await gate.http.get("/mcp", headers=right)).status_code == 405
    assert await gate.post(path="/") == 404
    assert await gate.post(b"x" * (MOST_BYTES + 1)) == 413
    assert gate.came == []


async def test_half_a_body_is_no_question() -> None:
    came, said = list[str](), list[Message]()
    messages = iter(
        list[Message]([{"type": "http.request", "body": b"{}", "more_body": True}, {"type": "http.disconnect"}])
    )
    headers = [(b"host", b"127.0.0.1:8090"), (b"authorization", f"Bearer {TOKEN}".encode())]

    async def app(scope: Scope, _: Receive, __: Send) -> None:
        came.append(scope["path"])

    async def receive() -> Message:
        return next(messages)

    async def send(message: Message) -> None:
        said.append(message)

    await Gate(app, TOKEN, 8090)({"type": "http", "path": "/mcp", "method": "POST", "headers": headers}, receive, send)
    assert (came, said[0]["status"]) == ([], 413)


async def test_no_number_of_wrong_tokens_keeps_out_who_knows_the_right_one(gate: Asked) -> None:
    for _ in range(20):
        assert await gate.post(authorization="Bearer wrong") == 401
    assert await gate.post() == 200
