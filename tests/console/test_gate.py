"""Every answer tells browsers what to refuse. What may not come from elsewhere: test_identities.py."""

import pytest
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.routing import Mount
from starlette.types import Receive, Scope, Send

from receiver.console import gate
from tests.console.asked import Asked, Person


@pytest.mark.parametrize(
    "path", ["/", "/sign-in", "/nothing", "/healthz", "/assets/console.css", "/assets/nothing.js", "/settings"]
)
async def test_every_answer_has_the_headers(asked: Asked, path: str) -> None:
    for person in (asked.nobody(), await asked.operator()):
        found = (await person.get(path)).headers
        policy = found["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert found["x-content-type-options"] == "nosniff"
        assert found["referrer-policy"] == "no-referrer"
        assert ("immutable" in found["cache-control"]) is (path == "/assets/console.css")
        assert found["cache-control"] == "no-store" or path.startswith("/assets/")


UNREADABLE = ["/events/" + "9" * 4301, "/replays/" + "9" * 4301 + "/cancel", "/sign-in?next=//%5B"]


@pytest.mark.parametrize("path", UNREADABLE, ids=["event", "replay", "way back"])
async def test_an_address_that_cannot_be_read_is_no_bug(
    asked: Asked, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    for person in (asked.nobody(), await asked.operator()):
        answer = await person.get(path)
        assert answer.status_code in (200, 303, 404)
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert "bug" not in caplog.text


async def test_an_answer_to_a_bug_has_the_headers_too(asked: Asked, caplog: pytest.LogCaptureFixture) -> None:
    async def fails(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - the shape of an application
        raise ValueError

    asked.app = Starlette(routes=[Mount("/", fails)], middleware=[Middleware(gate.Gate)])
    answer = await asked.nobody().get("/x")
    assert answer.status_code == 500
    assert answer.headers["content-security-policy"] == gate.policy()
    assert "a bug in receiver: /x of the console failed" in caplog.text


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
async def test_other_methods_are_not_taken(operator: Person, method: str) -> None:
    assert (await operator.request(method, "/settings/test-event")).status_code == 405


async def test_a_page_may_play_audio_of_one_more_origin() -> None:
    assert "media-src 'self';" in gate.policy()
    assert "media-src 'self' https://media.example.com;" in gate.policy("https://media.example.com")


@pytest.mark.parametrize(("scheme", "proto", "https"), [
    ("https", "", True), ("http", "https", True), ("http", "HTTPS, http", True), ("http", "http", False),
    ("http", "", False),
])  # fmt: skip
def test_a_proxy_says_whether_the_browser_came_by_https(scheme: str, proto: str, *, https: bool) -> None:
    assert gate.is_https(scheme, Headers({"x-forwarded-proto": proto} if proto else {})) is https
