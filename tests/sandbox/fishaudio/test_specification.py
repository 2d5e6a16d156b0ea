"""fishaudio's own blocks, kept in `tests/specification/fishaudio`, against the sandbox.

A line of `parameters.txt` and of `answers/` is a field: its name, `?` if it may be absent, its type, a comment.
`statuses.txt` is the list of codes.
"""

import json
import re
from typing import Any

import httpx
import pytest

from tests.processes import REPOSITORY
from tests.sandbox.fishaudio.asking import PATH, fishaudio, transcribed

FOLDER = REPOSITORY / "tests" / "specification" / "fishaudio"
FIELD = re.compile(r'"(?P<name>\w+)"(?P<absent>\??): (?P<type>\w+),?(?P<comment>.*)')
TYPES = {"string": str, "number": int | float, "boolean": bool, "array": list}
STATUSES = re.findall(r"^(\d+) ", (FOLDER / "statuses.txt").read_text(), re.MULTILINE)


def fields(name: str) -> dict[str, re.Match[str]]:
    """Return the fields that a block shows, by their names."""
    lines = (FOLDER / f"{name}.txt").read_text().splitlines()
    found = [match for line in lines if (match := FIELD.fullmatch(line)) is not None]
    assert len(found) == len(lines)
    return {match["name"]: match for match in found}


PARAMETERS = fields("parameters")
LANGUAGES = PARAMETERS["language"]["comment"].partition("Available: ")[2].split(", ")
GOOD: dict[str, list[Any]] = {
    "audio_url": ["http://example.com/a.ogg", "https://example.com/a?b=c"], "language": LANGUAGES,
    "file_name": ["audio.mp3", "A.WAV"], "ignore_timestamps": [True, False], "token": ["another"],
}  # fmt: skip
BAD: dict[str, list[Any]] = {
    "audio_url": [None, "", "audio.mp3", "ftp://example.com/a.mp3", "https://", "http://[", 1],
    "language": ["", "en-US", "it", 1, ["en"]], "file_name": ["audio.txt", "audio", 1],
    "ignore_timestamps": ["true", 0], "token": [1],
}  # fmt: skip
CASES = [[(name, value) for name in PARAMETERS for value in values[name]] for values in (GOOD, BAD)]


def wrongs(block: str, body: dict[str, object]) -> list[str]:
    """Return what an answer lacks of a documented block, or has in another type."""
    shown = fields(block)
    absent = {name for name, field in shown.items() if field["absent"] or "optional" in field["comment"]}
    return sorted(shown.keys() - body.keys() - absent) + [
        name for name, value in body.items() if name not in shown or not isinstance(value, TYPES[shown[name]["type"]])
    ]


@pytest.mark.parametrize(("name", "value"), CASES[0])
async def test_every_documented_parameter_is_taken_with_every_documented_value(name: str, value: Any) -> None:
    async with fishaudio() as client:
        answer = await transcribed(client, **{name: value})
    assert answer.status_code == 200, answer.text
    assert wrongs("answers/200", answer.json()) == []


@pytest.mark.parametrize(("name", "value"), CASES[1])
async def test_a_value_outside_what_is_documented_is_refused_by_name(name: str, value: Any) -> None:
    async with fishaudio() as client:
        answer = await transcribed(client, **{name: value})
    assert answer.status_code == 400
    assert wrongs("answers/error", answer.json()) == []
    assert name in answer.json()["details"]


async def test_the_documented_example_is_taken_as_it_stands() -> None:
    async with fishaudio() as client:
        answer = await client.post(PATH, json=json.loads((FOLDER / "requests" / "transcription.json").read_text()))
    assert answer.status_code == 200
    assert wrongs("answers/200", answer.json()) == []
    assert answer.json()["segments"]


async def test_refusals_have_the_documented_status_and_shape() -> None:
    async with fishaudio(speed=1, credits=0) as client:
        refused = {
            "400": await transcribed(client, language="it"),
            "401": await transcribed_without_key(client),
            "402": await transcribed(client),
            "404": await client.get("nothing"),
            "413": await transcribed(client, "hundred-hours.mp3"),
        }
        while (limited := await transcribed(client)).status_code == 402:
            pass
    assert {status: str(answer.status_code) for status, answer in refused.items()} == {key: key for key in refused}
    assert limited.json()["error"] == "Rate limit exceeded"
    assert {*refused, "429"} - {*STATUSES} == {"402"}
    for status, answer in refused.items():
        assert wrongs("answers/402" if status == "402" else "answers/error", answer.json()) == []


async def transcribed_without_key(client: httpx.AsyncClient) -> httpx.Response:
    return await client.post(PATH, json={}, headers={"Authorization": ""})
