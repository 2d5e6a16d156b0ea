"""Timbr's own page, kept in `tests/specification/timbr`, against the sandbox.

`requests/` and `answers/` are the blocks of JSON that the page shows; bodies that are shown as JSON go as multipart.
`parameters/` are its tables, four lines a row: name, type, whether it is required, description.
"""

import json
import re
from typing import Any

import httpx
import pytest

from tests.processes import REPOSITORY
from tests.sandbox.documented import differences
from tests.sandbox.timbr.asking import data, ended, look, send, timbr, uploaded

FOLDER = REPOSITORY / "tests" / "specification" / "timbr"
TASKS = {"transcription": "transcription", "translation": "translation", "separation": "audio-separation"}
# What a type allows and forbids; what the description of a parameter does is read from it.
GOOD = {"boolean": ["true", "false"], "integer · int32": [str(number) for number in range(10)]}
BAD = {"boolean": ["yes", "1", ""], "integer · int32": ["-1", "10", "1.5", "two", ""]}
FOREIGN = {"source_language": ["fi", "sk", "ta", "vi", "auto", ""], "target_language": ["ca", "it", "yue", "EN", ""]}


def table(operation: str) -> list[list[str]]:
    """Return the rows of an operation's parameters."""
    lines = (FOLDER / "parameters" / f"{operation}.txt").read_text().splitlines()
    return [lines[at : at + 4] for at in range(0, len(lines), 4)]


def codes(description: str) -> list[str]:
    """Return the languages in a description."""
    found = re.search(r"\(([a-z, ]+)\)", description)
    return found[1].split(", ") if found else []


def documented(what: str, name: str) -> Any:
    return json.loads((FOLDER / what / f"{name}.json").read_text())


def request_of(operation: str, file_id: str) -> dict[str, str]:
    """Return the documented request as a form, with a real file and real languages in the places of "text"."""
    real = {"file_id": file_id, "source_language": "en", "target_language": "ko"}
    return {name: real.get(name, json.dumps(value)) for name, value in documented("requests", operation).items()}


async def asked(client: httpx.AsyncClient, operation: str, **more: str) -> httpx.Response:
    """Ask for a documented task, with some parameters changed."""
    file_id = await uploaded(client, "talk.srt" if operation == "translation" else "talk.wav")
    return await send(client, f"v1/{TASKS[operation]}/", request_of(operation, file_id) | more)


@pytest.mark.parametrize("operation", TASKS)
async def test_the_documented_request_for_a_task_is_taken_and_answered_as_documented(operation: str) -> None:
    async with timbr() as client:
        answer = await asked(client, operation)
    assert answer.status_code == 200
    assert differences(documented("answers", operation), answer.json()) == []
    assert answer.json()["status"] == documented("answers", operation)["status"]


@pytest.mark.parametrize("operation", TASKS)
async def test_every_documented_value_is_taken_and_every_other_refused_by_name(operation: str) -> None:
    async with timbr() as client:
        for name, kind, _, description in table(operation):
            for value in GOOD.get(kind, codes(description)):
                assert (await asked(client, operation, **{name: value})).json()["status"] == 1, (name, value)
            for value in BAD.get(kind, FOREIGN.get(name, [])):
                refused = (await asked(client, operation, **{name: value})).json()
                assert (refused["status"], refused["data"]) == (400, None), (name, value)
                assert refused["message"].startswith(name), (name, value)


def test_the_tables_name_as_many_languages_as_the_page() -> None:
    languages = {name: codes(description) for name, _, _, description in table("translation")}
    assert [len(languages[name]) for name in ("source_language", "target_language")] == [29, 23]


@pytest.mark.parametrize("operation", [*TASKS, "task"])
async def test_what_is_documented_as_required_is_required(operation: str) -> None:
    async with timbr() as client:
        for missing in [name for name, _, need, _ in table(operation) if need == "Required"]:
            body = request_of(operation, await uploaded(client, "talk.srt" if operation == "translation" else "a.wav"))
            given = {name: value for name, value in body.items() if name != missing} | {"folder": "none"}
            answer = await send(client, f"v1/{TASKS.get(operation, operation)}/", given)
            assert answer.json()["status"] in (400, 404), missing


async def test_an_upload_a_task_and_the_credit_are_shown_as_documented() -> None:
    async with timbr() as client:
        answers = {
            "upload": await client.post("v1/upload/file/", files={"file": ("file.wav", b"sound", "audio/wav")}),
            "credit": await client.get("v1/credit/"),
        }
        task = await ended(client, "audio-separation")
        failed = await ended(client, "audio-separation", "fail.wav")
    for name, answer in answers.items():
        assert differences(documented("answers", name), answer.json()) == []
    shown = data(answers["upload"])["files"][0]
    assert (shown["content_type"], shown["file_size"], shown["uploaded_size"]) == ("audio/wav", 5, 5)
    assert differences(documented("answers", "task")["data"], task) == []
    assert differences(documented("answers", "task")["data"], failed) == [".output_assets: empty"]


async def test_a_task_that_has_not_begun_has_every_documented_field() -> None:
    async with timbr(speed=1) as client:
        task_id = data(await asked(client, "transcription"))["task_id"]
        task = await look(client, task_id)
    assert differences(documented("answers", "task")["data"], task) == [".output_assets: empty"]


async def test_tokens_are_issued_listed_and_deleted_as_documented() -> None:
    async with timbr() as client:
        issued = await client.post("auth/token/", json=documented("requests", "token"))
        listed = await client.get("auth/token/")
        deletion = documented("requests", "delete") | {"api_tokens": [data(issued)["access_token"], "text"]}
        deleted = await client.post("auth/token/delete/", json=deletion)
    for name, answer in (("token", issued), ("tokens", listed), ("delete", deleted)):
        assert differences(documented("answers", name), answer.json()) == []
    assert data(deleted) == {"requested_count": 2, "deleted_count": 1}


@pytest.mark.parametrize(
    ("path", "name", "wrong"),
    [
        ("token/", "grant_type", ["password", None]), ("token/", "client_id", ["text", 1, None]),
        ("token/", "client_secret", ["", 1]), ("token/", "scope", [1]),
        ("token/delete/", "api_tokens", ["text", [1], None]),
    ],
)  # fmt: skip
async def test_a_field_about_tokens_that_is_missing_or_wrong_is_refused_by_name(
    path: str, name: str, wrong: list[object]
) -> None:
    body = documented("requests", path.split("/")[-2])
    async with timbr() as client:
        for value in wrong:
            changed = {key: one for key, one in (body | {name: value}).items() if one is not None}
            refused = (await client.post(f"auth/{path}", json=changed)).json()
            assert (refused["status"], refused["result_code"]) == (400, "INVALID_PARAMETER")
            assert refused["message"].startswith(name)
