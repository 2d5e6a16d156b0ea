"""ThunderScribe's own examples, kept in `tests/specification/thunderscribe`, against the sandbox.

`answers/` are the blocks that its page shows; `parameters.txt` is its tables of parameters, four lines a row: name,
type, whether it is required, description.
"""

import json
from typing import Any

import httpx
import pytest

from tests.processes import REPOSITORY
from tests.sandbox.documented import differences
from tests.sandbox.thunderscribe.asking import TRANSCRIPTIONS, named, thunderscribe, transcribed

FOLDER = REPOSITORY / "tests" / "specification" / "thunderscribe"
LINES = (FOLDER / "parameters.txt").read_text().splitlines()
TYPES = dict(zip(LINES[::4], LINES[1::4], strict=True))
NEEDS = dict(zip(LINES[::4], LINES[2::4], strict=True))
# What a type allows and forbids, and what the description of a parameter does.
GOOD = {
    "string": ["anything, also ü"], "float": ["0", "0.0", "0.5", "1.0"], "boolean": ["true", "false"],
    "integer": ["1", "2", "10"], "model": ["thunderscribe"], "language": ["en", "es", "fr"],
    "response_format": ["text", "json", "verbose_json", "srt", "vtt"], "timestamp_granularities": ["segment", "word"],
}  # fmt: skip
BAD = {
    "float": ["-0.1", "1.1", "nan", "inf", "warm", ""], "boolean": ["yes", "1", "TRUE", ""],
    "integer": ["0", "-1", "1.5", "two", ""], "model": ["whisper-1", ""], "language": ["", "auto", "EN", "english"],
    "response_format": ["diarized_json", "SRT", ""], "timestamp_granularities": ["letter", ""],
}  # fmt: skip


def cases(values: dict[str, list[str]]) -> list[tuple[str, str]]:
    """Return each parameter with each of the values that are given for it, or for its type."""
    return [(name, value) for name in TYPES for value in values.get(name, values.get(TYPES[name], []))]


def documented(name: str) -> Any:
    return json.loads((FOLDER / "answers" / f"{name}.json").read_text())


def said(answer: httpx.Response) -> tuple[int, object]:
    return answer.status_code, answer.json()


@pytest.mark.parametrize(("name", "value"), [case for case in cases(GOOD) if case[0] != "file_id"])
async def test_every_documented_parameter_is_taken_with_every_documented_value(name: str, value: str) -> None:
    async with thunderscribe() as client:
        answer = await transcribed(client, **{name: value})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(("name", "value"), cases(BAD))
async def test_a_value_outside_what_is_documented_is_refused_by_name(name: str, value: str) -> None:
    async with thunderscribe() as client:
        status, body = said(await transcribed(client, **{name: value}))
    assert status == 400
    assert differences(documented("400"), body) == []
    assert name in str(body)


async def test_what_is_documented_as_required_is_required() -> None:
    assert [name for name, need in NEEDS.items() if need == "Required*"] == ["file", "file_id", "language"]
    async with thunderscribe() as client:
        fileless = await client.post(TRANSCRIPTIONS, data={"language": "en"})
        both = await transcribed(client, file_id="some")
        mute = await client.post(TRANSCRIPTIONS, files=named("a.mp3"))
    assert [answer.status_code for answer in (fileless, both, mute)] == [400] * 3


async def test_the_example_of_a_direct_upload_is_taken_as_it_stands() -> None:
    """`requests` writes a `True` as `True`, and a list under its bare name."""
    data = {
        "language": "en", "model": "base", "response_format": "json", "temperature": "0.0", "prompt": "Custom prompt",
        "diarization": "True", "split_segments_by_speaker": "True", "max_speakers": "5", "min_speakers": "2",
        "num_speakers": "3", "timestamp_granularities": ["segment", "word"], "folder_id": "folder_uuid",
    }  # fmt: skip
    async with thunderscribe() as client:
        answer = await client.post(TRANSCRIPTIONS, data=data, files=named("audio.mp3"))
    assert answer.status_code == 200
    assert differences(documented("json"), answer.json()) == []


async def test_the_example_of_a_large_file_is_taken_as_it_stands() -> None:
    """Without a file, `requests` writes the form urlencoded."""
    async with thunderscribe() as client:
        uploaded = (await client.post("v1/upload", files=named("large_audio.mp3"))).json()
        data = {"file_id": uploaded["file_id"], "language": "en", "response_format": "json", "diarization": "True"}
        answer = await client.post(TRANSCRIPTIONS, data=data)
    assert differences(documented("upload"), uploaded) == []
    assert answer.request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert answer.status_code == 200
    assert answer.json()["segments"][0]["speaker"] == "Speaker 1"


@pytest.mark.parametrize("form", ["json", "verbose_json"])
async def test_a_transcript_has_every_documented_field(form: str) -> None:
    async with thunderscribe() as client:
        answer = await transcribed(
            client, response_format=form, diarization="true", timestamp_granularities=["segment", "word"]
        )
    assert differences(documented("json"), answer.json()) == []
    assert answer.json()["task"] == documented("json")["task"]


async def test_text_has_the_documented_form_if_the_knob_says_so() -> None:
    async with thunderscribe(text="json") as client:
        answer = await transcribed(client, response_format="text")
    assert differences(documented("text"), answer.json()) == []


async def test_subtitles_are_written_as_documented() -> None:
    shown = (FOLDER / "answers" / "subtitles.srt").read_text().splitlines()
    async with thunderscribe() as client:
        lines = (await transcribed(client, response_format="srt")).text.splitlines()
    number, times, _, empty = lines[:4]
    assert (number, empty, lines[4]) == (shown[0], shown[3], shown[4])
    assert times[:17] == shown[1][:17]
    assert len(times) == len(shown[1])


async def test_refusals_are_as_documented() -> None:
    async with thunderscribe(speed=1) as client:
        undecodable = await transcribed(client, "fail.mp3")
        keyless = await transcribed_without_key(client)
        while (limited := await client.post("v1/upload")).status_code != 429:
            pass
    assert said(undecodable) == (400, documented("400"))
    assert said(keyless) == (401, documented("401"))
    assert said(limited) == (429, documented("429"))


async def transcribed_without_key(client: httpx.AsyncClient) -> httpx.Response:
    return await client.post(TRANSCRIPTIONS, files=named("a.mp3"), headers={"Authorization": ""})
