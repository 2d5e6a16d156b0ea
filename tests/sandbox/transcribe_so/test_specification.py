"""The provider's own examples, kept in `tests/specification/transcribe_so`, against the sandbox.

`answers/` are the JSON blocks of the API reference v1, `requests/` the bodies it shows; where the document elides with
an ellipsis the list ends there. An answer of the sandbox holds every field of the example, with its type.
"""

import json
from typing import Any

import httpx
import pytest

from receiver.sandbox import EXAMPLE_ID
from tests.processes import REPOSITORY
from tests.sandbox.documented import differences
from tests.sandbox.simulated import URL, Target, ended, made, register, sandboxed, submit

FOLDER = REPOSITORY / "tests" / "specification" / "transcribe_so"
SOUND = b"\0" * 1000


def documented(name: str) -> dict[str, Any]:
    example: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return example


def assert_as_documented(name: str, answer: object) -> None:
    assert differences(documented(f"answers/{name}"), answer) == []


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("me", "me"),
        ("pipelines", "pipelines"),
        ("result", f"transcriptions/{EXAMPLE_ID}/result"),
        ("timestamps", f"transcriptions/{EXAMPLE_ID}/timestamps?format=spotify"),
        ("not_ready", f"transcriptions/{EXAMPLE_ID}/timestamps?format=spotify&style=educational"),
        ("error", "transcriptions/1"),
    ],
)
async def test_what_is_read_is_as_documented(name: str, path: str) -> None:
    async with sandboxed() as client:
        assert_as_documented(name, (await client.get(path)).json())


async def test_the_example_account_has_the_documented_money_and_the_example_pipeline_its_price() -> None:
    async with sandboxed() as client:
        account, offered = (await client.get("me")).json(), (await client.get("pipelines")).json()["pipelines"][0]
    me, pipeline = documented("answers/me"), documented("answers/pipelines")["pipelines"][0]
    for field in ("email", "wallet_balance_usd", "monthly_credit_remaining_usd", "subscription_tier", "links"):
        assert account[field] == me[field]
    for field in ("code", "name", "retail_usd_per_min", "retail_usd_per_hour", "timestamp_options"):
        assert offered[field] == pipeline[field]


@pytest.mark.parametrize("name", ["youtube", "external_url"])
async def test_a_documented_submission_is_taken_and_acknowledged_as_documented(name: str) -> None:
    body = documented(f"requests/transcription_{name}")
    example = documented("answers/transcription")
    example["url"] = example.pop("upload_id")  # "the response carries `url` instead of `upload_id`"
    async with sandboxed() as client:
        answer = await client.post("transcriptions", json=body)
        shown = (await client.get(f"transcriptions/{answer.json()['id']}")).json()
    assert answer.status_code == 202
    assert differences(example, answer.json()) == []
    assert (answer.json()["url"], answer.json()["source"]) == (body["url"], body["source"])
    assert shown["status"] in ("processing", "completed")


async def test_the_documented_upload_is_taken_and_costs_what_is_documented() -> None:
    example = documented("answers/transcription")
    async with sandboxed(speed=60) as client:
        asked = await client.post("uploads", json=documented("requests/uploads") | {"file_size": len(SOUND)})
        assert_as_documented("uploads", asked.json())
        put = await client.put(asked.json()["upload_url"], content=SOUND, headers={"Content-Type": "audio/mpeg"})
        assert put.status_code == 200
        body = documented("requests/transcription_upload") | {"upload_id": asked.json()["upload_id"]}
        answer = await client.post("transcriptions", json=body)
    assert answer.status_code == 202
    assert_as_documented("transcription", answer.json())
    given = {field: answer.json()[field] for field in example.keys() - {"id", "upload_id"}}
    assert given == {field: example[field] for field in given}


async def test_a_ticket_for_a_resumable_upload_is_as_documented() -> None:
    async with sandboxed() as client:
        answer = await client.post("uploads/tus", json=documented("requests/uploads_tus"))
    example = documented("answers/uploads_tus")
    assert_as_documented("uploads_tus", answer.json())
    for field in ("upload_metadata_key", "expires_in", "max_file_size"):
        assert answer.json()[field] == example[field]
    assert answer.json()["upload_endpoint"] == f"{URL}/files/"


async def test_the_documented_regeneration_makes_the_style_that_it_names() -> None:
    async with sandboxed() as client:
        number = await made(client, "https://youtu.be/x")
        refused = await client.get(f"transcriptions/{number}/timestamps?format=spotify&style=punchy")
        await client.post(f"transcriptions/{number}/timestamps/regenerate", json=documented("requests/regenerate"))
        answer = await client.get(f"transcriptions/{number}/timestamps?format=spotify&style=punchy")
    example, said = documented("answers/not_ready")["error"], refused.json()["error"]
    assert said["message"] == example["message"].replace("4821", str(number))
    assert {k: said[k] for k in ("code", "doc_url", "available_styles", "requested_style")} == {
        k: example[k] for k in ("code", "doc_url", "available_styles", "requested_style")
    }
    assert_as_documented("timestamps", answer.json())
    assert answer.json()["constraints"] == documented("answers/timestamps")["constraints"]
    assert answer.json()["source"]["available_styles"] == ["balanced", "punchy"]


async def test_an_event_is_as_documented() -> None:
    async with Target().listening() as target, sandboxed() as client:
        await register(client, target.url)
        await submit(client)
        event = await target.next_event()
    example = documented("answers/event")
    assert_as_documented("event", event)
    assert set(event["data"]["transcription"]) == set(example["data"]["transcription"])


async def test_what_is_refused_for_money_is_refused_as_documented() -> None:
    async with sandboxed() as client:
        answer = await client.post("quotes", json=documented("requests/transcription_youtube"))
        poor = await poor_answer(client)
    example = documented("answers/error")["error"]
    assert answer.status_code == 200
    assert (poor.status_code, poor.json()["error"] | {"request_id": ""}) == (402, example | {"request_id": ""})


async def poor_answer(client: httpx.AsyncClient) -> httpx.Response:
    body = documented("requests/transcription_external_url") | {"duration_seconds": 900_000}
    return await client.post("transcriptions", json=body)


@pytest.mark.parametrize("include", ["", "&include=chapters,sections,qna"])
async def test_the_documented_wait_is_answered_with_the_sections_it_asks_for(include: str) -> None:
    example = documented("answers/result")
    async with sandboxed() as client:
        number = await submit(client)
        shown = await ended(client, number, include)
    wanted = {"chapters", "sections", "qna"} if include else set()
    assert {k for k in example if k in shown} == {"id", "status", *wanted}
    assert differences({k: v for k, v in example.items() if k in wanted}, shown) == []
