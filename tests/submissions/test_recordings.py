"""`receiver.submissions.recordings`: what is handed in, and whether the provider is transcribing it already."""

import math
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from receiver.errors import ImpossibleError, Unauthenticated
from receiver.providers import Recording
from receiver.submissions import recordings
from tests.commands import sparse, wav
from tests.providers.scripted import Provider, refused

URL = "https://example.com/episode.mp3"
EPISODE = Recording(source="external_url", url=URL)
A_MINUTE_AGO = (datetime.now(UTC) - timedelta(minutes=1)).isoformat().replace("+00:00", "Z")


# --- what is handed in -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("typed", [URL, "HTTPS://example.com/episode.mp3", f" {URL}", f"Https{URL[5:]} \n"])
def test_an_address_is_one_however_it_was_typed(typed: str) -> None:
    assert recordings.is_address(typed)
    assert recordings.of_address(typed, None, "auto", None) == EPISODE


@pytest.mark.parametrize("typed", ["", " ", "https://", "http://[", "HTTPS:///x.mp3", "https://./x.mp3", "nowhere.mp3"])
def test_what_names_nothing_is_refused(typed: str) -> None:
    with pytest.raises(ImpossibleError, match="web address"):
        recordings.of_address(typed, None, "auto", None)


@pytest.mark.parametrize(
    "typed",
    [
        "https://u:S3CRET@[/x.mp3", "https://u:S3CRET@[x]/a.mp3", "https://u:S3CRET@h\u2100/x.mp3", "u:S3CRET@h/x.mp3",
        "https://u:S3CRET@/x.mp3", "https://u:p@h.example/x\0.mp3?S3CRET", "ftp://u:S3CRET@h.example/", "x?S3CRET",
        "https://u:S3C\nRET@h_/",
    ],
)  # fmt: skip
def test_an_error_about_an_address_does_not_tell_what_is_secret_in_it(typed: str) -> None:
    with pytest.raises(ImpossibleError, match="is not a web address") as refused:
        recordings.address(typed)
    assert "S3C" not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("scheme", ["", "file://", "ftp://"])
def test_a_file_of_this_machine_is_no_address(tmp_path: Path, scheme: str) -> None:
    """A stranger who may hand in an address must not reach the files of the server."""
    typed = f"{scheme}{wav(tmp_path / 'a.wav')}"
    assert not recordings.is_address(typed)
    with pytest.raises(ImpossibleError, match="is not a web address: it does not start with https:// or http://"):
        recordings.of_address(typed, None, "auto", None)


def test_a_file_that_is_not_there_is_refused() -> None:
    with pytest.raises(ImpossibleError, match="a web address starts with https://"):
        recordings.of_file("nowhere.mp3", None, "auto", None)


@pytest.mark.parametrize(("seconds", "said"), [(200.0, None), (200.0, 203.0), (200.0, 197.0), (2.0, 3.0), (2.0, 1.0)])
def test_the_length_of_a_file_is_read_from_the_file(tmp_path: Path, seconds: float, said: float | None) -> None:
    recording, file = recordings.of_file(str(wav(tmp_path / "a.wav", seconds)), "p", "de", said)
    assert (file.name, recording) == ("a.wav", Recording(
        source="upload", original_filename="a.wav", duration_seconds=seconds, pipeline_code="p", language="de"
    ))  # fmt: skip


@pytest.mark.parametrize(("seconds", "said"), [(200, 203.1), (200, 196.9), (2, 3.1), (2, 0.9), (2, 3600)])
def test_a_duration_that_contradicts_the_file_is_refused(tmp_path: Path, seconds: float, said: float) -> None:
    with pytest.raises(
        ImpossibleError, match=f"plays {seconds:.1f} s, and its length decides its price: give no other"
    ):
        recordings.of_file(str(wav(tmp_path / "a.wav", seconds)), None, "auto", said)


def test_a_file_of_unknown_length_needs_its_duration(tmp_path: Path) -> None:
    file = str(sparse(tmp_path / "a.mp3", 1))
    assert recordings.of_file(file, None, "auto", 12.5)[0].duration_seconds == 12.5
    with pytest.raises(ImpossibleError, match="is unknown and decides its price: give it"):
        recordings.of_file(file, None, "auto", None)


@pytest.mark.parametrize("length", [math.nan, math.inf, 0.0, -1.0])
def test_a_length_that_no_recording_has_is_refused(tmp_path: Path, length: float) -> None:
    file = str(sparse(tmp_path / "a.mp3", 1))
    for read in (partial(recordings.of_file, file), partial(recordings.of_address, URL)):
        with pytest.raises(ImpossibleError, match="its length is a number of seconds above 0"):
            read(None, "auto", length)


# --- what is under way elsewhere -------------------------------------------------------------------------------------


async def look(recording: Recording, **about: object) -> None:
    """Ask a provider that lists one transcription, and another one that has ended, whether a recording is under way."""
    listed = {"id": 7, "status": "processing", "created_at": A_MINUTE_AGO, **about}
    ended = {"id": 8, "status": "completed", "title": "episode.mp3"}
    async with Provider(httpx.Response(200, json={"data": [ended, listed]})).client() as api:
        await recordings.require_no_other(api, recording)


@pytest.mark.parametrize("about", [
    {"title": "episode.mp3"},
    {"title": "episode.mp3", "source": "external_url", "status": "queued"},
    {"title": "episode.mp3", "created_at": None},
    {"url": URL},
    {"title": "A talk about hiring", "url": URL},
])  # fmt: skip
async def test_what_is_under_way_is_not_paid_for_again(about: dict[str, Any]) -> None:
    with pytest.raises(ImpossibleError, match=": transcription 7 is "):
        await look(EPISODE, **about)


@pytest.mark.parametrize("about", [
    {"title": "episode.mp3", "status": "failed"},
    {"title": "episode.mp3", "status": "quoted"},
    {"title": "episode.mp3", "source": "upload"},
    {"title": "episode.mp3", "url": "https://example.org/episode.mp3"},
    {"title": "episode.mp3", "created_at": "2026-01-01T00:00:00Z"},
    {"title": None},
])  # fmt: skip
async def test_another_recording_or_one_that_has_ended_is_no_reason(about: dict[str, Any]) -> None:
    await look(EPISODE, **about)


async def test_a_file_is_known_by_its_name_and_length() -> None:
    file = Recording(source="upload", original_filename="episode.wav", duration_seconds=60.0)
    same: dict[str, Any] = {"title": "episode.wav", "source": "upload", "duration_seconds": 60}
    with pytest.raises(ImpossibleError, match="already"):
        await look(file, **same)
    await look(file, **same | {"duration_seconds": 90})
    await look(file, **same | {"title": "other.wav"})


async def test_a_submission_is_sent_although_the_list_cannot_be_read_but_not_with_a_refused_key() -> None:
    provider = Provider(refused(500, "internal_error"))
    async with provider.client(retries=(0,)) as api:
        await recordings.require_no_other(api, EPISODE)
    assert len(provider.asked) == 1, "it is not worth a second try"
    async with Provider(refused(401, "invalid_api_key")).client() as api:
        with pytest.raises(Unauthenticated):
            await recordings.require_no_other(api, EPISODE)
