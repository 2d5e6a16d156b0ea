"""`receiver.submissions.again`: only what has failed is started again, and only after a yes to its price."""

from collections.abc import Callable

import httpx
import pytest

from receiver import settings
from receiver.errors import ImpossibleError
from receiver.providers.transcribe_so import TranscriptionStatus
from receiver.submissions import again
from receiver.submissions.again import Confirm
from receiver.submissions.following import Pauses
from tests.providers.scripted import URL, Provider

CONFIGURED = settings.load(TRANSCRIBE_API_URL=URL, TRANSCRIBE_API_KEY="tsk_test_x")
FAILED = {"id": 7, "status": "failed", "pipeline_code": "first", "duration_seconds": 3600}
SOON = Pauses(shown=0)


class No(Exception):  # noqa: N818 - it is an answer
    """A person's answer."""


def job(*statuses: str, first: str = "failed") -> Provider:
    """Return a provider whose transcription had one status, and has these after its start, one for each question."""
    left = list(statuses)

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/pipelines"):
            priced = {"code": "first", "retail_usd_per_min": 0.04}
            return httpx.Response(200, json={"pipelines": [priced]})
        if request.method == "POST":
            return httpx.Response(202, json=FAILED | {"status": "queued"})
        if not request.url.path.endswith("/wait"):
            return httpx.Response(200, json=FAILED | {"status": first})
        return httpx.Response(200, json=FAILED | {"status": left.pop(0)})

    return Provider(answer)


async def start(
    provider: Provider, *, confirm: Confirm | None = None, wait: bool = False,
    told: Callable[[TranscriptionStatus], None] = lambda _: None,
) -> TranscriptionStatus:  # fmt: skip
    async with provider.client() as api:
        return await again.start(
            api, None, CONFIGURED, "7", confirm=confirm, wait=wait, started=told, progressed=told, pauses=SOON
        )


def asked(provider: Provider) -> list[str]:
    return [f"{one.method} {one.url.path.removeprefix('/api/v1/')}" for one in provider.asked]


async def test_its_price_is_confirmed_before_it_is_charged() -> None:
    provider, seen = job(), list[object]()
    started = await start(provider, confirm=lambda status, usd: seen.append((status.status, usd, len(provider.asked))))
    assert (started.status, seen) == ("queued", [("failed", 2.4, 2)])
    assert asked(provider) == ["GET transcriptions/7", "GET pipelines", "POST transcriptions/7/retry"]


async def test_without_a_yes_nothing_is_started() -> None:
    def refuse(_: TranscriptionStatus, __: float | None) -> None:
        raise No

    provider = job()
    with pytest.raises(No):
        await start(provider, confirm=refuse)
    assert "POST" not in " ".join(asked(provider))


async def test_where_nobody_is_asked_nobody_needs_the_price() -> None:
    provider = job()
    await start(provider)
    assert asked(provider) == ["GET transcriptions/7", "POST transcriptions/7/retry"]


@pytest.mark.parametrize("status", ["completed", "processing", "cancelled", "quoted"])
async def test_what_has_not_failed_is_not_started_again(status: str) -> None:
    provider, seen = job(first=status), list[object]()
    with pytest.raises(ImpossibleError, match=f"transcription 7 is {status}; only a failed one is started again"):
        await start(provider, confirm=lambda *about: seen.append(about))
    assert (asked(provider), seen) == (["GET transcriptions/7"], [])


async def test_it_is_followed_to_its_end() -> None:
    told = list[str]()
    ended = await start(job("processing", "completed"), wait=True, told=lambda status: told.append(status.status))
    assert (ended.status, told) == ("completed", ["queued", "processing"])


async def test_what_fails_again_is_refused_after_it_was_told_to_be_started() -> None:
    told = list[str]()
    with pytest.raises(ImpossibleError, match="transcription 7 failed; `receiver retry 7` starts it again"):
        await start(job("failed"), wait=True, told=lambda status: told.append(status.status))
    assert told == ["queued"]


async def test_every_start_is_one_of_its_own() -> None:
    provider = job()
    for _ in range(2):
        await start(provider)
    first, second = filter(None, provider.sent("idempotency-key"))
    assert first != second
