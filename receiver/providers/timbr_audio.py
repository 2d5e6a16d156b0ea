"""The Timbr audio API: a file is sent to a link, a job works on it, and its files are at links that die.

    announced ──▶ a link ──PUT──▶ there ──start──▶ a job ──look──▶ completed: stems, enhanced audio or subtitles

The documents contradict themselves about the path of an upload, and the list of jobs is documented by a sibling alone.
So a path that does not exist is noted: the other path is used then, and each job is asked for alone.

Source: https://docs.hudson-ai.com/developer/audio. No host is documented.
"""

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Any, ClassVar, Literal
from urllib.parse import quote

from pydantic import Field, SecretStr

from receiver.errors import ImpossibleError, NotFound
from receiver.providers import files, refusals
from receiver.providers import timbr_audio_answers as answers
from receiver.providers.orders import (
    Accepted,
    Candidate,
    KeepNotes,
    Limits,
    Media,
    Notes,
    Order,
    Seen,
    Sent,
    Uploaded,
    Wishes,
)
from receiver.providers.seam import Source
from receiver.providers.timbr_audio_answers import Job
from receiver.settings.accounts import TIMBR_AUDIO
from receiver.transcripts import Transcript

FORMATS = ("wav", "mp3", "flac", "m4a", "aac", "ogg", "opus", "webm", "aiff")
UPLOADS = ("upload", "audio/upload")
PATHS = {"separation": "separate", "enhancement": "enhance", "diarization": "diarize"}
START_SECONDS = 300.0  # the longest wait for the answer to a start: the work itself comes after it
PER_PAGE = 100
MOST_PAGES = 100
# Only a file that is not there yet is written. So a repeat is answered with 412, and changes nothing.
CREATE_ONLY = {"x-goog-if-generation-match": "0"}
IS_THERE = 412


class Separate(Wishes):
    """The options of a separation."""

    separation_type: Literal["dialogue-me", "dialogue-music-effect", "speech-nonlingual"] = "dialogue-me"
    sample_rate: int = Field(48_000, ge=8000, le=192_000)
    bit_depth: int = Field(16, ge=8, le=32)
    output_format: str = Field("wav", min_length=1)


class Enhance(Wishes):
    """The options of an enhancement."""

    denoise: bool = True
    noise_reduction: float = Field(0.5, ge=0, le=1)
    eq_preset: Literal["balanced", "vocal", "bass_boost"] = "balanced"
    compression: bool = False
    normalize: bool = True


class Diarize(Wishes):
    """The options of a diarization. No lower bounds are documented for those of the voice detection."""

    files: ClassVar = frozenset({"input_srt_file_id"})

    num_speakers: int | None = Field(None, ge=1, le=20)
    language: str = Field("auto", min_length=1)
    transcribe_model: str = Field("whisper", min_length=1)
    vad_type: str = Field("ten-vad", min_length=1)
    vad_threshold: float = Field(0.5, ge=0, le=1)
    vad_min_speech_duration: float = Field(0.1, ge=0, le=5)
    vad_min_silence_duration: float = Field(0.1, ge=0, le=5)
    detect_gender: bool = False
    input_srt_file_id: str | None = Field(None, min_length=1)


@dataclass(slots=True)
class _Found:
    """What a client has found out about the API. All its views share it.

    Attributes:
        uploads: the paths of an upload; the first one is tried first.
        has_list: whether there is a list of jobs, as far as is known.
    """

    uploads: Sequence[str] = UPLOADS
    has_list: bool = True


class TimbrAudio(Source):
    """The Timbr audio API."""

    name, variables, api_path = TIMBR_AUDIO.source, TIMBR_AUDIO, TIMBR_AUDIO.api_path
    operations: ClassVar = {"separation": Separate, "enhancement": Enhance, "diarization": Diarize}
    unit = "credits"
    takes: ClassVar = frozenset({"file"})
    limits = Limits(most_bytes=500 * 1024**2)
    refusal = staticmethod(answers.refusal)

    def __init__(self, api_url: str, key: SecretStr | None, **options: Any) -> None:
        super().__init__(api_url, key, **options)
        self._found = _Found()

    @property
    def per_look(self) -> int:
        """See `Source`. Without a list of jobs, each is asked for alone."""
        return PER_PAGE if self._found.has_list else 1

    @classmethod
    def check(cls, operation: str, file: Media | None, seconds: float | None) -> None:
        """See `Source`. A name without an ending says nothing of the format."""
        super().check(operation, file, seconds)
        if file is None:
            return
        _, dot, ending = file.name.lower().rpartition(".")
        if dot and ending not in FORMATS:
            raise ImpossibleError(
                f"{file.name} has a format that the Timbr audio API does not take: {', '.join(FORMATS)}"
            )

    @classmethod
    def estimate(cls, operation: str, seconds: float | None) -> float | None:  # noqa: ARG003 - all cost the same
        """See `Source`. A second costs a credit, and we take it that one that has begun counts."""
        return None if seconds is None else ceil(seconds)

    async def upload(self, file: Media, notes: Notes, keep: KeepNotes, sent: Sent) -> Uploaded:  # noqa: ARG002 - the link is a ticket, so each upload begins anew
        """See `Source`."""
        ticket = answers.ticket(await self._announce(file))
        await self._calls.put(ticket.upload_url, file, headers=CREATE_ONLY, done=IS_THERE)
        sent(file.size)
        return Uploaded(ticket.file_id)

    async def _announce(self, file: Media) -> bytes:
        """Return the answer to the request for a link. The documents name no parameters; the name tells the format."""
        body = {"filename": file.name}
        first, other = self._found.uploads
        try:
            return await self._calls.send("POST", first, json=body)
        except NotFound:
            raw = await self._calls.send("POST", other, json=body)
        self._found.uploads = (other, first)
        return raw

    async def start(self, order: Order) -> Accepted:
        """See `Source`."""
        body = {"file_id": order.file_id} | order.wishes.to_json()
        seconds = min(order.patience, START_SECONDS)
        raw = await self._calls.once.send("POST", f"audio/{PATHS[order.operation]}", json=body, seconds=seconds)
        with refusals.carrying(raw):
            return Accepted(answers.started(raw))

    async def look(self, ids: Sequence[str]) -> Mapping[str, Seen]:
        """See `Source`. What no page has is asked for alone, so that only its own 404 says that it is gone."""
        seen = await self._listed(frozenset(ids)) if len(ids) > 1 else {}
        for job_id in ids:
            if job_id not in seen:
                with suppress(NotFound):
                    seen[job_id] = answers.job(await self._calls.send("GET", f"jobs/{quote(job_id, safe='')}")).seen()
        return seen

    async def _listed(self, ids: Collection[str]) -> dict[str, Seen]:
        """Return what the list shows until it has shown these jobs; others come along for nothing.

        The newest come first. New jobs move the others on while it is read, so one can come twice. More pages than jobs
        that are wanted cost more than to ask for each.
        """
        seen, missing = dict[str, Seen](), set(ids)
        async with aclosing(self._pages(min(len(ids), MOST_PAGES))) as pages:
            async for jobs in pages:
                seen |= {job.name: job.seen() for job in jobs if job.name is not None}
                missing -= seen.keys()
                if not missing:
                    break
        return seen

    async def find(self, order: Order, since: datetime) -> Sequence[Candidate] | None:
        """See `Source`. A job that does not say when it was created might be it too."""
        found = dict[str, Candidate]()
        async with aclosing(self._pages(MOST_PAGES)) as pages:
            async for jobs in pages:
                for job in jobs:
                    is_ours = job.type == PATHS[order.operation] or job.type not in PATHS.values()
                    is_new = job.created is None or job.created >= since
                    candidate = job.candidate() if is_ours and is_new else None
                    if candidate is not None:
                        found[candidate.remote_id] = candidate
                if _are_before(jobs, since):
                    break
        return [*found.values()] if self._found.has_list else None

    async def _pages(self, most: int) -> AsyncGenerator[list[Job]]:
        """Yield the pages of the list, at most so many; none if there is no list, which is noted."""
        for number in range(1, most + 1):
            if not self._found.has_list:
                return
            asked = {"page": str(number), "page_size": str(PER_PAGE)}
            try:
                jobs, has_more = answers.page(await self._calls.send("GET", "jobs", params=asked))
            except NotFound:
                self._found.has_list = number > 1
                return
            yield jobs
            if not has_more:
                return

    @classmethod
    def text_in(cls, operation: str, names: Collection[str]) -> str | None:
        """See `Source`. Of two files with subtitles, only the one that is not split into sentences has speakers."""
        if operation != "diarization":
            return None
        found = [name for name in names if name.lower().endswith(".srt")]
        return min(found, key=lambda name: "sentence" in name.lower(), default=None)

    @classmethod
    def transcript(cls, operation: str, raw: bytes) -> Transcript:  # noqa: ARG003 - there is one with a text
        """See `Source`."""
        return files.transcript(raw)


def _are_before(jobs: Sequence[Job], moment: datetime) -> bool:
    """Return whether a page is older than a moment, and so are the pages after it: the newest come first."""
    times = [job.created for job in jobs if job.created is not None]
    is_falling = times == sorted(times, reverse=True)
    return bool(times) and len(times) == len(jobs) and is_falling and times[0] < moment
