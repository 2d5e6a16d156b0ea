"""`receiver.cli.terminal`: a terminal shows how far the work is; if the terminal goes away, the work goes on."""

import asyncio
import io
import sys

import httpx
import pytest

from receiver import settings
from receiver.cli import terminal
from receiver.providers import TranscribeSo
from receiver.providers.transcribe_so import TranscriptionStatus
from receiver.submissions import following
from tests.providers.scripted import KEY, URL


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


class Gone(Terminal):
    """A terminal that was closed."""

    def write(self, _: str) -> int:
        raise OSError(5, "Input/output error")


async def asked(progresses: list[object]) -> None:
    """Follow a transcription that makes this progress, a step for each question."""

    def answer(_: httpx.Request) -> httpx.Response:
        if not progresses:
            return httpx.Response(200, json={"id": 7, "status": "completed"})
        about = {"id": 7, "status": "processing", "stage": "transcribing\x1b[2J", "progress": progresses.pop(0)}
        return httpx.Response(200, json=about)

    async with TranscribeSo(URL, KEY, transport=httpx.MockTransport(answer)) as api:
        configured = settings.load(TRANSCRIBE_API_URL=URL, TRANSCRIBE_API_KEY="tsk_test_x")
        pauses = following.Pauses(shown=0.01)
        followed = await following.begin(api, None, configured, pauses=pauses)
        with terminal.transcription() as (begun, progressed):
            begun(TranscriptionStatus(id=7, status="processing"))
            ended = await followed.until_ended(7, progressed=progressed)
    assert ended.status == "completed"


async def test_a_wait_shows_what_the_provider_says_and_clears_its_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stderr", screen := Terminal())
    await asked([40] * 9 + [None] * 9)
    shown = screen.getvalue()
    assert {"transcription 7  ", "transcription 7  transcribing[2J, 40%", "transcription 7  transcribing[2J"} <= {
        *shown.split(terminal.CLEAR)
    }
    assert shown.endswith(terminal.CLEAR)


@pytest.mark.parametrize("stream", [io.StringIO(), None], ids=["a file", "nothing"])
async def test_what_is_no_terminal_is_shown_nothing(
    stream: io.StringIO | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    with terminal.bar("uploading") as uploaded, terminal.clock("regenerating"):
        uploaded(5, 10)
        uploaded(10, 10)
        await asyncio.sleep(0)
    assert stream is None or stream.getvalue() == ""


async def test_a_terminal_that_has_gone_fails_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Gone())
    with terminal.bar("uploading") as uploaded, terminal.clock("regenerating"):
        uploaded(5, 10)
        uploaded(10, 10)
        await asyncio.sleep(0)
    await asked([40])


async def test_a_bar_and_a_clock_say_how_far_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", screen := Terminal())
    with terminal.bar("uploading a\nb.wav") as uploaded:
        for there in (0, 1_000_000, 2_000_000):
            uploaded(there, 2_000_000)
        assert screen.getvalue().endswith(f"100% of 2.0 MB{terminal.CLEAR}"), "it is gone when all are there"
    with terminal.clock("regenerating"):
        await asyncio.sleep(0)
    shown = [part for part in screen.getvalue().split(terminal.CLEAR) if part.strip()]
    steps = [rf"uploading a\nb.wav  {step}" for step in ("0%", "50% of 2.0 MB", "100% of 2.0 MB")]
    assert [part for part in shown if part.startswith("uploading")] == steps
    assert shown[-1] == "regenerating  0 s"


def test_what_comes_before_the_first_byte_is_shown_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", screen := Terminal())
    with terminal.bar("uploading 2 of 9: a.wav", first="submitting 2 of 9: a.wav") as sending:
        assert screen.getvalue() == f"{terminal.CLEAR}submitting 2 of 9: a.wav"
        sending(1, 2)
    assert screen.getvalue().split(terminal.CLEAR)[2:] == ["uploading 2 of 9: a.wav  50% of 0.0 MB", ""]
