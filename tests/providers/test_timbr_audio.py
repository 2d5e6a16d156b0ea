"""`receiver.providers.timbr_audio`: its uploads, orders and looks, at the simulated one."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr, ValidationError

from receiver.errors import (
    ImpossibleError,
    NotFound,
    PaymentRequired,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
)
from receiver.providers import TimbrAudio
from receiver.providers.orders import Media, Notes, Order, Seen
from receiver.providers.tries import NOTHING_SENT
from receiver.sandbox import Knobs, Sandbox, TimbrAudioKnobs, application
from tests.providers.scripted import turns_enough
from tests.sandbox.simulated import LONGEST_WAIT, URL

AT_ONCE = 1e7
KEY = SecretStr("TBR_any")
HOUR = 3600
OPERATIONS = ("separation", "enhancement", "diarization")
LONG_AGO, FAR_AHEAD = datetime(2020, 1, 1, tzinfo=UTC), timedelta(hours=1)

_SMALL = Path(__file__)  # its content does not matter


def named(name: str) -> Media:
    return Media(_SMALL, name, _SMALL.stat().st_size)


class Repeats(httpx.AsyncBaseTransport):
    """A proxy that sends each file twice, and passes on the second answer."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        content = await request.aread()
        if request.method == "PUT":
            again = httpx.Request("PUT", request.url, headers=request.headers, content=content)
            await self._transport.handle_async_request(again)
        return await self._transport.handle_async_request(request)


@dataclass(frozen=True, slots=True)
class Simulated:
    """A client, and the sandbox that it asks."""

    api: TimbrAudio
    transport: httpx.AsyncBaseTransport
    sandbox: Sandbox

    async def upload(self, name: str = "talk.wav") -> str:
        """Upload a file; nothing is noted on the way."""

        async def keep(notes: Notes) -> None:
            raise AssertionError(notes)

        arrived = list[int]()
        uploaded = await self.api.upload(named(name), {}, keep, arrived.append)
        assert arrived == [_SMALL.stat().st_size]
        return uploaded.file_id

    async def start(self, operation: str = "separation", name: str = "talk.wav", **wishes: Any) -> str:
        """Upload a file, and have it worked on."""
        return (await self.api.start(order(await self.upload(name), operation, **wishes))).remote_id

    async def ended(self, job_id: str) -> Seen:
        """Return what a look shows when a job has ended."""
        async with asyncio.timeout(LONGEST_WAIT):
            while True:
                seen = (await self.api.look([job_id]))[job_id]
                if seen.state != "waiting":
                    return seen
                await asyncio.sleep(0)

    async def fetch(self, link: SecretStr) -> bytes:
        async with httpx.AsyncClient(transport=self.transport) as client:
            return (await client.get(link.get_secret_value())).raise_for_status().content

    def plan(self, endpoint: str, kind: str) -> None:
        self.sandbox.faults.plan({"endpoint": endpoint, "kind": kind})

    def asked(self, endpoint: str) -> int:
        """Return how many requests to `/v1/…` there were."""
        return sum(asked.path == f"/timbr-audio/v1/{endpoint}" for asked in self.sandbox.asked)


def order(file_id: str, operation: str = "separation", **wishes: Any) -> Order:
    return Order(operation, TimbrAudio.operations[operation].model_validate(wishes), file_id=file_id)


@asynccontextmanager
async def simulated(*, speed: float = AT_ONCE, repeats: bool = False, **knobs: Any) -> AsyncIterator[Simulated]:
    sandbox = Sandbox(speed=speed, knobs=Knobs(timbr_audio=TimbrAudioKnobs(**knobs)))
    sandbox.expiry_speed = 1
    served = httpx.ASGITransport(application(sandbox), raise_app_exceptions=False)
    transport = Repeats(served) if repeats else served
    turns = turns_enough()
    address = f"{URL}/timbr-audio"
    async with TimbrAudio(address, KEY, budget=turns, transport=transport, retries=(0, 0)) as api:  # it would try again
        yield Simulated(api, transport, sandbox)
    await sandbox.close()


# --- uploads ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/upload", "/v1/audio/upload"])
async def test_a_file_arrives_whichever_path_there_is_and_the_path_is_remembered(path: str) -> None:
    async with simulated(upload_path=path) as found:
        ids = [await found.upload() for _ in range(2)]
        files = {file.id: (file.complete, file.digest.hexdigest()) for file in found.sandbox.files()}
        asked = (found.asked("upload"), found.asked("audio/upload"))
    assert files == dict.fromkeys(ids, (True, hashlib.sha256(_SMALL.read_bytes()).hexdigest()))
    assert asked == ((2, 0) if path == "/v1/upload" else (1, 2))


async def test_a_file_that_is_there_already_counts_as_sent() -> None:
    async with simulated(repeats=True) as found:
        file_id = await found.upload()
        assert [(file.id, file.complete) for file in found.sandbox.files()] == [(file_id, True)]


async def test_a_file_that_does_not_arrive_is_an_error_that_hides_the_link() -> None:
    async with simulated() as found:
        found.plan("/storage/uploads/*", "500")
        with pytest.raises(ProviderUnavailable) as raised:
            await found.upload()
    assert "storage" not in str(raised.value)


@pytest.mark.parametrize(("name", "size", "why"), [
    ("talk.wav", 500 * 1024**2 + 1, "500 MB"), ("talk.mp4", 1, "format"), ("Talk.OPUS", 500 * 1024**2, None),
    ("talk", 1, None),
])  # fmt: skip
def test_what_is_too_large_or_has_another_format_is_refused_before_anything_is_sent(
    name: str, size: int, why: str | None
) -> None:
    file = Media(Path("talk"), name, size)
    if why is None:
        TimbrAudio.check("separation", file, None)
    else:
        with pytest.raises(ImpossibleError, match=why):
            TimbrAudio.check("separation", file, None)


# --- orders ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("result", ["map", "list"])
@pytest.mark.parametrize("stems", ["speech", "dialogue"])
async def test_the_files_of_a_job_have_the_names_that_it_gives_them(result: str, stems: str) -> None:
    names = {
        "separation": [f"{stems}.wav", "me.wav"],
        "enhancement": ["enhanced.wav"],
        "diarization": ["timbr.srt", "sentence_split.srt"],
    }
    async with simulated(result=result, stems=stems) as found:
        for operation in OPERATIONS:
            seen = await found.ended(await found.start(operation))
            assert (seen.state, seen.said, [*seen.links]) == ("completed", "completed", names[operation])
            charge = found.sandbox.charges[-1]
            assert (charge.operation, charge.amount, charge.unit) == (operation, seen.charged, TimbrAudio.unit)
            assert TimbrAudio.estimate(operation, HOUR - 0.5) == charge.amount
        assert (await found.fetch(seen.links["timbr.srt"])).startswith(b"1\n")


async def test_the_transcript_of_a_diarization_has_its_speakers() -> None:
    async with simulated() as found:
        links = (await found.ended(await found.start("diarization", num_speakers=3))).links
        raw = {name: await found.fetch(link) for name, link in links.items()}
    name = TimbrAudio.text_in("diarization", [*links])
    assert name == "timbr.srt"
    with_speakers, split = (TimbrAudio.transcript("diarization", raw[one]) for one in (name, "sentence_split.srt"))
    assert {one.speaker for one in with_speakers.segments} == {"Speaker 1", "Speaker 2", "Speaker 3"}
    assert [one.text for one in with_speakers.segments] == [one.text for one in split.segments]


@pytest.mark.parametrize("name", ["empty.wav", "bad-srt.wav", "no-speakers.wav"])
async def test_silence_and_bad_subtitles_are_read(name: str) -> None:
    async with simulated() as found:
        links = (await found.ended(await found.start("diarization", name))).links
        read = TimbrAudio.transcript("diarization", await found.fetch(links["timbr.srt"]))
    assert (len(read.segments) > 100) == (name != "empty.wav")
    assert {one.speaker for one in read.segments} <= {None}


@pytest.mark.parametrize(("operation", "names", "text"), [
    ("diarization", ["sentence_split.srt", "x.srt", "a.json"], "x.srt"),
    ("diarization", ["Sentence_Split.SRT"], "Sentence_Split.SRT"), ("diarization", ["speech.wav"], None),
    ("separation", ["timbr.srt"], None),
])  # fmt: skip
def test_the_text_is_in_the_subtitles_that_are_not_split(operation: str, names: list[str], text: str | None) -> None:
    assert TimbrAudio.text_in(operation, names) == text


@pytest.mark.parametrize("kind", ["html", "malformed", "500", "redirect"])
async def test_an_order_whose_answer_is_lost_is_never_sent_again(kind: str) -> None:
    async with simulated() as found:
        file_id = await found.upload()
        found.plan("/audio/separate", kind)
        with pytest.raises(ProviderUnavailable) as raised:
            await found.api.start(order(file_id))
        assert found.asked("audio/separate") == 1
        assert len(found.sandbox.timbr_audio.jobs) == (kind != "500")
    assert raised.value.code not in NOTHING_SENT


@pytest.mark.parametrize(
    ("knobs", "kind", "error"),
    [({"credits": HOUR - 1}, None, PaymentRequired), ({}, "429", RateLimited), ({"confirm": 5}, None, NotFound)],
)
async def test_what_it_refuses_has_done_nothing(
    knobs: dict[str, Any], kind: str | None, error: type[ProviderError]
) -> None:
    async with simulated(speed=1, **knobs) as found:
        file_id = await found.upload()
        if kind is not None:
            found.plan("/audio/separate", kind)
        with pytest.raises(error) as raised:
            await found.api.start(order(file_id))
        assert (found.asked("audio/separate"), found.sandbox.timbr_audio.jobs) == (1, {})
    assert raised.value.status in (402, 404, 429)


async def test_subtitles_go_with_an_order_as_a_file() -> None:
    async with simulated() as found:
        subtitles = await found.upload("talk.srt")
        job_id = await found.start("diarization", input_srt_file_id=subtitles)
        assert found.sandbox.timbr_audio.jobs[job_id].order.wishes["input_srt_file_id"] == subtitles
    assert {name: kind.files for name, kind in TimbrAudio.operations.items() if kind.files} == {
        "diarization": {"input_srt_file_id"}
    }


@pytest.mark.parametrize(("operation", "given"), [
    ("separation", {
        "separation_type": "speech-nonlingual", "sample_rate": "8000", "bit_depth": "32", "output_format": "wav"}),
    ("enhancement", {
        "denoise": "false", "noise_reduction": "1", "eq_preset": "bass_boost", "compression": "true",
        "normalize": "false"}),
    ("diarization", {
        "num_speakers": "20", "language": "ko", "transcribe_model": "whisper", "vad_type": "ten-vad",
        "vad_threshold": "0", "vad_min_speech_duration": "5", "vad_min_silence_duration": "0",
        "detect_gender": "true"}),
])  # fmt: skip
async def test_every_option_arrives(operation: str, given: dict[str, str]) -> None:
    async with simulated() as found:
        job_id = await found.start(operation, **given)
        arrived = found.sandbox.timbr_audio.jobs[job_id].order.wishes
    assert {name: str(value).lower() for name, value in arrived.items() if value is not None} == {
        name: value if name not in ("noise_reduction", "vad_threshold") and "duration" not in name else f"{value}.0"
        for name, value in given.items()
    }


@pytest.mark.parametrize(("operation", "wrong"), [
    ("separation", {"separation_type": "vocals"}), ("separation", {"sample_rate": 7999}),
    ("separation", {"sample_rate": 192_001}), ("separation", {"bit_depth": 7}), ("separation", {"bit_depth": 33}),
    ("enhancement", {"noise_reduction": -0.1}), ("enhancement", {"noise_reduction": "1.1"}),
    ("enhancement", {"noise_reduction": "nan"}), ("enhancement", {"eq_preset": "loud"}),
    ("diarization", {"num_speakers": 0}), ("diarization", {"num_speakers": 21}),
    ("diarization", {"vad_threshold": 1.1}), ("diarization", {"vad_threshold": -1}),
    ("diarization", {"vad_min_speech_duration": 5.1}), ("diarization", {"vad_min_silence_duration": -0.1}),
    ("diarization", {"detect_gender": "perhaps"}), ("diarization", {"denoise": True}),
    ("diarization", {"input_srt_file_id": ""}),
])  # fmt: skip
def test_an_option_outside_its_range_is_refused_before_anything_is_sent(operation: str, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TimbrAudio.operations[operation].model_validate(wrong)


# --- looks -----------------------------------------------------------------------------------------------------------


async def test_a_look_shows_how_far_a_job_is_and_why_it_has_failed() -> None:
    async with simulated(speed=1) as found:
        job_id = await found.start()
        waiting = (await found.api.look([job_id]))[job_id]
    async with simulated() as found:
        failed = await found.ended(await found.start(name="fail.wav"))
        assert found.sandbox.charges == []
    assert waiting == Seen("waiting", "pending", progress=0.0)
    assert failed == Seen("failed", "failed", error="The file is not a recording.")


async def several(found: Simulated, count: int) -> list[str]:
    """Start jobs on one file; the last one is the newest."""
    file_id = await found.upload()
    return [(await found.api.start(order(file_id))).remote_id for _ in range(count)]


def alone(found: Simulated, ids: Sequence[str]) -> int:
    """Return how often jobs were asked for alone."""
    return sum(found.asked(f"jobs/{job_id}") for job_id in ids)


async def test_a_look_reads_pages_until_it_has_seen_every_job() -> None:
    async with simulated() as found:
        ids = await several(found, 201)
        for wanted, pages in (([ids[-1], ids[-2]], 1), ([ids[0], ids[-1], ids[-2]], 3)):
            before = found.asked("jobs")
            assert (await found.api.look(wanted)).keys() >= {*wanted}
            assert found.asked("jobs") - before == pages
        assert alone(found, ids) == 0


async def test_what_is_far_down_the_list_is_asked_for_alone_instead_of_many_pages() -> None:
    async with simulated() as found:
        ids = await several(found, 202)
        assert (await found.api.look(ids[:2])).keys() >= {*ids[:2]}
        assert (found.asked("jobs"), alone(found, ids)) == (2, 2)


@pytest.mark.parametrize("exists", ["yes", "404"])
async def test_a_job_that_it_does_not_know_is_not_in_the_answer(exists: str) -> None:
    async with simulated(list=exists) as found:
        job_id = await found.start()
        assert await found.api.look(["../unknown?"]) == {}
        assert (await found.api.look([job_id, "unknown"])).keys() == {job_id}


async def test_without_a_list_each_job_is_asked_for_alone_from_then_on() -> None:
    async with simulated(list="404") as found:
        ids = await several(found, 3)
        assert found.api.per_look == 100
        for client in (found.api.low_priority(), found.api):
            assert (await client.look(ids)).keys() == {*ids}
            assert client.per_look == 1
        assert (found.asked("jobs"), alone(found, ids)) == (1, 6)


# --- lost answers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("names_file", ["yes", "no"])
async def test_what_a_lost_answer_might_have_become_is_found(names_file: str) -> None:
    async with simulated(names_file=names_file) as found:
        file_id = await found.upload()
        await found.api.start(order(file_id, "enhancement"))
        since = datetime.now(UTC)
        found.plan("/audio/separate", "html")
        with pytest.raises(ProviderUnavailable):
            await found.api.start(order(file_id))
        (job_id,) = [job.id for job in found.sandbox.timbr_audio.jobs.values() if job.order.operation == "separate"]
        (candidate,) = await found.api.find(order(file_id), since) or ()
        assert await found.api.find(order(file_id), since + FAR_AHEAD) == []
    assert (candidate.remote_id, candidate.charged) == (job_id, HOUR)
    assert candidate.file_id == (file_id if names_file == "yes" else None)
    assert candidate.created_at is not None
    assert since <= candidate.created_at < since + FAR_AHEAD


async def test_only_as_many_pages_are_searched_as_can_hold_it() -> None:
    async with simulated() as found:
        await several(found, 101)
        assert len(await found.api.find(order("f"), LONG_AGO) or ()) == 101
        assert found.asked("jobs") == 2
        await found.api.find(order("f"), datetime.now(UTC))
        assert found.asked("jobs") == 3


async def test_without_a_list_nothing_can_be_found() -> None:
    async with simulated(list="404") as found:
        assert await found.api.find(order("f"), LONG_AGO) is None
