"""`receiver.providers.thunderscribe`: its uploads, orders and answers, at the simulated one."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr, ValidationError

from receiver.errors import ImpossibleError, InvalidRequest, NotFound, ProviderError, ProviderUnavailable, RateLimited
from receiver.providers import ThunderScribe
from receiver.providers.orders import Media, Notes, Order
from receiver.providers.thunderscribe import PIECE_BYTES, WHOLE_BYTES, Transcribe
from receiver.providers.tries import NOTHING_SENT
from receiver.sandbox import Knobs, Sandbox, ThunderScribeKnobs, application
from tests.providers.scripted import Provider, turns_enough
from tests.sandbox.simulated import URL

AT_ONCE = 1e7
KEY = SecretStr("any key")
UPLOAD, TRANSCRIPTIONS = "/v1/upload", "/audio/transcriptions"
LARGE = 21 * 1024**2


class Recorded(httpx.AsyncBaseTransport):
    """Notes what was kept while each request was on its way."""

    def __init__(self, transport: httpx.AsyncBaseTransport, kept: "Kept") -> None:
        self._transport, self._kept = transport, kept

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._kept.meanwhile.append(self._kept.notes)
        return await self._transport.handle_async_request(request)


@dataclass(slots=True)
class Kept:
    """What an upload has told: its last notes, those during each request, and how much has arrived."""

    notes: Notes = field(default_factory=dict)
    meanwhile: list[Notes] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)

    async def keep(self, notes: Notes) -> None:
        self.notes = notes


@dataclass(frozen=True, slots=True)
class Simulated:
    """A client, and the sandbox that it asks."""

    api: ThunderScribe
    transport: httpx.AsyncBaseTransport
    sandbox: Sandbox
    kept: Kept

    async def upload(self, file: Media) -> str:
        """Upload a file from where the notes say, with a new client, which no earlier 429 holds up."""
        kept = self.kept
        async with client(self.transport) as api:
            return (await api.upload(file, kept.notes, kept.keep, kept.sent.append)).file_id

    async def start(self, name: str = "talk.mp3", **wishes: Any) -> bytes:
        """Upload a recording, and have it transcribed."""
        file_id = await self.upload(small(name))
        order = Order("transcription", Transcribe.model_validate({"language": "en"} | wishes), file_id=file_id)
        return (await self.api.start(order)).raw

    def plan(self, endpoint: str, kind: str) -> None:
        self.sandbox.faults.plan({"endpoint": endpoint, "kind": kind})

    def asked(self, endpoint: str) -> int:
        return sum(asked.path.endswith(endpoint) for asked in self.sandbox.asked)


@asynccontextmanager
async def simulated(*, path_version: Any = "v3", **knobs: Any) -> AsyncIterator[Simulated]:
    sandbox = Sandbox(speed=AT_ONCE, knobs=Knobs(thunderscribe=ThunderScribeKnobs(**knobs)), seed=None)
    kept = Kept()
    transport = Recorded(httpx.ASGITransport(application(sandbox), raise_app_exceptions=False), kept)
    async with client(transport, path_version=path_version) as api:
        yield Simulated(api, transport, sandbox, kept)
    await sandbox.close()


def client(transport: httpx.AsyncBaseTransport, **options: Any) -> ThunderScribe:
    """Return a client that would try again if it could."""
    turns = turns_enough()
    return ThunderScribe(
        f"{URL}/thunderscribe", KEY, budget=turns, transport=transport, retries=(0, 0), **options
    )  # fmt: skip


_SMALL = Path(__file__)  # its content does not matter


def small(name: str) -> Media:
    return Media(_SMALL, name, _SMALL.stat().st_size)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Media:
    """Return a file of which no two pieces are the same."""
    path = tmp_path_factory.mktemp("media") / "large.mp3"
    path.write_bytes(hashlib.shake_128(b"talk").digest(LARGE))
    return Media(path, "large.mp3", LARGE)


def there(found: Simulated) -> list[tuple[int, str]]:
    """Return size and hash of the complete files."""
    return [(file.received, file.digest.hexdigest()) for file in found.sandbox.files() if file.complete]


def is_whole(found: Simulated, file: Media) -> bool:
    return there(found) == [(file.size, hashlib.sha256(file.path.read_bytes()).hexdigest())]


# --- uploads ---------------------------------------------------------------------------------------------------------


async def test_a_large_file_goes_in_pieces_and_arrives_byte_for_byte(large: Media) -> None:
    async with simulated() as found:
        file_id = await found.upload(large)
        assert is_whole(found, large)
        assert file_id in [file.id for file in found.sandbox.files()]
        assert found.asked(UPLOAD) == 3
    assert found.kept.sent == [PIECE_BYTES, 2 * PIECE_BYTES, LARGE]


@pytest.mark.parametrize("size", [1, WHOLE_BYTES])
async def test_a_file_of_up_to_10_mb_goes_whole(tmp_path: Path, size: int) -> None:
    (tmp_path / "talk").write_bytes(b"x" * size)
    file = Media(tmp_path / "talk", "talk.mp3", size)
    async with simulated() as found:
        await found.upload(file)
        assert is_whole(found, file)
        assert found.asked(UPLOAD) == 1


async def test_while_a_piece_is_on_its_way_no_note_would_go_on_from_it(large: Media) -> None:
    """Whoever is killed then begins anew."""
    async with simulated() as found:
        await found.upload(large)
    assert found.kept.meanwhile == [{}, {}, {}]


@pytest.mark.parametrize("lost_pieces", ["appended", "dropped"])
@pytest.mark.parametrize("kind", ["html", "malformed", "500"])
@pytest.mark.parametrize("pieces", [0, 1, 2])
async def test_after_a_lost_answer_the_upload_begins_anew(
    large: Media, lost_pieces: str, kind: str, pieces: int
) -> None:
    async with simulated(lost_pieces=lost_pieces) as found:
        await interrupted(found, large, kind, after=pieces)
        assert found.kept.notes == {}
        await found.upload(large)
        assert (large.size, hashlib.sha256(large.path.read_bytes()).hexdigest()) in there(found)
        assert {size for size, _ in there(found)} == {large.size}, "nothing is doubled"
        assert found.asked(UPLOAD) == pieces + 1 + 3


async def test_a_piece_that_was_surely_not_taken_is_sent_again_alone(large: Media) -> None:
    async with simulated() as found:
        await interrupted(found, large, "429", after=1)
        assert found.kept.notes["sent"] == PIECE_BYTES
        await found.upload(large)
        assert is_whole(found, large)
        assert found.asked(UPLOAD) == 1 + 1 + 2


async def interrupted(found: Simulated, file: Media, kind: str, *, after: int) -> None:
    """Begin an upload, in which one answer fails after so many pieces."""

    def sent(_: int) -> None:
        found.kept.sent.append(0)
        if len(found.kept.sent) == after:
            found.plan(UPLOAD, kind)

    if after == 0:
        found.plan(UPLOAD, kind)
    with pytest.raises(ProviderError):
        await found.api.upload(file, {}, found.kept.keep, sent)


@pytest.mark.parametrize(("error", "is_kept"), [(httpx.ConnectError("no"), True), (httpx.WriteError("lost"), False)])
async def test_only_a_piece_that_never_left_can_be_sent_again(large: Media, error: Exception, *, is_kept: bool) -> None:
    """What a provider does with half of a piece nobody knows."""

    class Breaks(httpx.AsyncBaseTransport):
        async def handle_async_request(self, _: httpx.Request) -> httpx.Response:
            raise error

    before = {"sent": PIECE_BYTES, "file_hash": "h"}
    kept = Kept(before)
    async with client(Breaks()) as api:
        with pytest.raises(ProviderUnavailable) as raised:
            await api.upload(large, kept.notes, kept.keep, kept.sent.append)
    assert raised.value.code in NOTHING_SENT
    assert kept.notes == (before if is_kept else {})


@pytest.mark.parametrize("notes", [
    {"sent": LARGE, "file_hash": "h"}, {"sent": PIECE_BYTES}, {"sent": "8", "file_hash": "h"}, {"file_hash": "h"},
    {"sent": -1, "file_hash": "h"}, {"sent": PIECE_BYTES, "file_hash": None},
])  # fmt: skip
async def test_notes_that_make_no_sense_begin_anew(large: Media, notes: Notes) -> None:
    async with simulated() as found:
        found.kept.notes = notes
        await found.upload(large)
        assert is_whole(found, large)


@pytest.mark.parametrize("answer", [
    {}, {"file_id": "x"}, {"file_hash": 5}, {"file_hash": "a\nb"}, {"file_hash": ""}, {"file_hash": "ä"}, [], "x",
])  # fmt: skip
async def test_an_answer_that_names_no_upload_ends_it(large: Media, answer: object) -> None:
    provider = Provider(httpx.Response(200, json=answer))
    async with client(httpx.MockTransport(provider)) as api:
        with pytest.raises(ProviderUnavailable) as raised:
            await api.upload(large, {}, (kept := Kept()).keep, kept.sent.append)
    assert (raised.value.code, len(provider.asked), kept.notes) == ("malformed_answer", 1, {})


# --- orders ----------------------------------------------------------------------------------------------------------


async def test_an_order_is_answered_with_the_transcript_and_billed_once() -> None:
    async with simulated() as found:
        raw = await found.start(diarization="true")
        (charge,) = found.sandbox.charges
    transcript = ThunderScribe.transcript("transcription", raw)
    assert charge.amount == transcript.segments[-1].end_seconds
    assert {segment.speaker for segment in transcript.segments} == {"Speaker 1", "Speaker 2"}
    for segment in transcript.segments:
        assert " ".join(word.text for word in segment.words) == segment.text


@pytest.mark.parametrize("words", ["segments", "top", "both"])
async def test_words_are_found_wherever_they_are(words: str) -> None:
    async with simulated(words=words) as found:
        transcript = ThunderScribe.transcript("transcription", await found.start())
    for segment in transcript.segments:
        assert " ".join(word.text for word in segment.words) == segment.text


@pytest.mark.parametrize("text", ["plain", "json"])
@pytest.mark.parametrize("response_format", ["text", "json", "verbose_json", "srt", "vtt"])
async def test_every_format_is_read_into_what_it_tells(response_format: str, text: str) -> None:
    async with simulated(text=text) as found:
        full = ThunderScribe.transcript("transcription", await found.start())
        other = ThunderScribe.transcript("transcription", await found.start(response_format=response_format))
    if response_format == "text":
        assert [segment.text for segment in other.segments] == [full.text]
    else:
        assert [segment.text for segment in other.segments] == [segment.text for segment in full.segments]
        assert [segment.start_seconds for segment in other.segments] == [
            segment.start_seconds for segment in full.segments
        ]


@pytest.mark.parametrize(("name", "response_format"), [("empty.mp3", "verbose_json"), ("empty.mp3", "srt")])
async def test_silence_is_a_success(name: str, response_format: str) -> None:
    async with simulated() as found:
        raw = await found.start(name, response_format=response_format)
    assert ThunderScribe.transcript("transcription", raw).segments == ()


async def test_srt_that_breaks_the_rules_is_read() -> None:
    async with simulated() as found:
        transcript = ThunderScribe.transcript("transcription", await found.start("bad-srt.mp3", response_format="srt"))
    assert len(transcript.segments) > 100
    assert all(segment.end_seconds >= segment.start_seconds for segment in transcript.segments)


@pytest.mark.parametrize("kind", ["html", "malformed", "500", "redirect"])
async def test_an_order_whose_answer_is_lost_is_never_sent_again(kind: str) -> None:
    async with simulated() as found:
        found.plan(TRANSCRIPTIONS, kind)
        with pytest.raises(ProviderUnavailable) as raised:
            ThunderScribe.transcript("transcription", await found.start())
        assert raised.value.code not in NOTHING_SENT
        assert found.asked(TRANSCRIPTIONS) == 1
        assert len(found.sandbox.charges) == (kind != "500")


async def test_a_proxy_that_cuts_off_leaves_it_unknown_and_the_work_is_billed() -> None:
    async with simulated(cut_seconds=0.001) as found:
        with pytest.raises(ProviderUnavailable) as raised:
            await found.start("two-hours.mp3")
        await asyncio.gather(*found.sandbox._tasks)  # noqa: SLF001 - the work that goes on
        assert (found.asked(TRANSCRIPTIONS), len(found.sandbox.charges)) == (1, 1)
    assert (raised.value.status, raised.value.code in NOTHING_SENT) == (524, False)


@pytest.mark.parametrize(
    ("name", "kind", "error"), [("fail.mp3", None, InvalidRequest), ("talk.mp3", "429", RateLimited)]
)
async def test_what_it_refuses_is_billed_to_nobody(name: str, kind: str | None, error: type[ProviderError]) -> None:
    async with simulated() as found:
        if kind is not None:
            found.plan(TRANSCRIPTIONS, kind)
        with pytest.raises(error) as raised:
            await found.start(name)
        assert (found.asked(TRANSCRIPTIONS), found.sandbox.charges) == (1, [])
    assert raised.value.status in (400, 429)


@pytest.mark.parametrize("asked", ["v3", "v1"])
@pytest.mark.parametrize("there_is", ["v3", "v1"])
async def test_the_path_version_is_chosen(asked: str, there_is: str) -> None:
    async with simulated(path_version=asked, paths=there_is) as found:
        if asked == there_is:
            await found.start()
        else:
            with pytest.raises(NotFound):
                await found.start()


def test_every_option_is_sent_as_the_documents_say() -> None:
    given = {
        "language": "en", "model": "base", "prompt": "Ada", "temperature": "0.5", "diarization": "true",
        "split_segments_by_speaker": "false", "min_speakers": "1", "max_speakers": "3", "num_speakers": "2",
        "folder_id": "f",
    }  # fmt: skip
    levels = [("timestamp_granularities", "segment"), ("timestamp_granularities", "word")]
    assert sorted(Transcribe.model_validate(given).to_form()) == sorted(
        [*given.items(), ("response_format", "verbose_json"), *levels]
    )


@pytest.mark.parametrize(("given", "levels"), [
    ({}, ["segment", "word"]), ({"timestamp_granularities": "word"}, ["word"]), ({"response_format": "srt"}, []),
    ({"timestamp_granularities": "segment,word", "response_format": "json"}, ["segment", "word"]),
    ({"timestamp_granularities": ["segment"]}, ["segment"]),
])  # fmt: skip
def test_both_levels_of_times_are_asked_for_unless_it_is_said_otherwise(given: Any, levels: list[str]) -> None:
    form = Transcribe.model_validate({"language": "en"} | given).to_form()
    assert [value for name, value in form if name == "timestamp_granularities"] == levels


@pytest.mark.parametrize("wrong", [
    {"language": ""}, {"language": None}, {"temperature": 1.1}, {"temperature": "-0.1"}, {"num_speakers": 0},
    {"min_speakers": 3, "max_speakers": 2}, {"response_format": "docx"}, {"timestamp_granularities": "letter"},
    {"model": ""}, {"speed": 2}, {"diarization": "perhaps"}, {"temperature": "nan"},
])  # fmt: skip
def test_an_option_outside_its_range_is_refused_before_anything_is_sent(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Transcribe.model_validate({"language": "en"} | wrong)


def test_the_language_is_required() -> None:
    with pytest.raises(ValidationError, match="language"):
        Transcribe.model_validate({})


@pytest.mark.parametrize(("size", "seconds", "limit"), [
    (5 * 1024**3 + 1, None, "5 GB"), (1, 7200.1, "2 hours"), (5 * 1024**3, 7200.0, None), (1, None, None),
])  # fmt: skip
def test_what_is_too_large_or_too_long_is_refused_before_anything_is_sent(
    size: int, seconds: float | None, limit: str | None
) -> None:
    file = Media(Path("talk.mp3"), "talk.mp3", size)
    if limit is None:
        ThunderScribe.check("transcription", file, seconds)
    else:
        with pytest.raises(ImpossibleError, match=limit):
            ThunderScribe.check("transcription", file, seconds)
