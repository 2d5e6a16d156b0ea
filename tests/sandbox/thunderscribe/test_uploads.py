"""`receiver.sandbox.thunderscribe.app`: uploads, whole and in pieces."""

import hashlib
from typing import Any

import httpx
import pytest

from tests.sandbox.simulated import URL
from tests.sandbox.thunderscribe.asking import TRANSCRIPTIONS, named, thunderscribe

FIRST, NEXT, LAST = b"first ", b"next ", b"last"
ORDER = {"language": "en"}


async def send(client: httpx.AsyncClient, piece: bytes, **headers: str) -> httpx.Response:
    """Send a file or a piece of one; `file_hash` is the header `file-hash`."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.post("v1/upload", files=named("talk.mp3", piece), headers=sent)


async def begun(client: httpx.AsyncClient) -> str:
    """Send the first piece and return the hash to go on with."""
    answer = await send(client, FIRST, chunked="true")
    assert answer.json().keys() == {"file_hash"}
    name: str = answer.json()["file_hash"]
    return name


async def stored(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await client.get(f"{URL}/sandbox/uploads")).json()["uploads"]
    return found


def of(content: bytes, *, complete: bool = True) -> dict[str, Any]:
    return {"size": len(content), "sha256": hashlib.sha256(content).hexdigest(), "complete": complete}


async def plan(client: httpx.AsyncClient, kind: str) -> None:
    await client.post(f"{URL}/sandbox/faults", json={"endpoint": "/thunderscribe/api/v1/upload", "kind": kind})


async def test_a_whole_file_is_known_by_its_size_and_hash_and_can_be_transcribed_more_than_once() -> None:
    async with thunderscribe() as client:
        uploaded = (await send(client, FIRST)).json()
        data = ORDER | {"file_id": uploaded["file_id"]}
        answers = [await client.post(TRANSCRIPTIONS, data=data) for _ in range(2)]
        found = await stored(client)
    assert [answer.status_code for answer in answers] == [200, 200]
    assert found == [{"id": uploaded["file_id"]} | of(FIRST)]


@pytest.mark.parametrize("repeated", [{}, {"chunked": "true"}])
async def test_pieces_become_one_file_in_the_order_in_which_they_came(repeated: dict[str, str]) -> None:
    async with thunderscribe() as client:
        name = await begun(client)
        between = await send(client, NEXT, file_hash=name, **repeated)
        assert (await stored(client))[0] | {"id": ""} == {"id": ""} | of(FIRST + NEXT, complete=False)
        last = await send(client, LAST, file_hash=name, last_chunk="true", **repeated)
        found = await stored(client)
        answer = await client.post(TRANSCRIPTIONS, data=ORDER | {"file_id": last.json()["file_id"]})
    assert between.json() == {"file_hash": name}
    assert last.json() == {"file_hash": name, "file_id": found[0]["id"]}
    assert found == [{"id": found[0]["id"]} | of(FIRST + NEXT + LAST)]
    assert answer.status_code == 200


async def test_one_piece_alone_may_be_first_and_last() -> None:
    async with thunderscribe() as client:
        only = await send(client, LAST, chunked="true", last_chunk="true")
    assert only.json().keys() == {"file_hash", "file_id"}


@pytest.mark.parametrize(("knob", "content"), [("appended", FIRST + NEXT + NEXT), ("dropped", FIRST + NEXT)])
async def test_a_piece_whose_answer_was_lost_and_that_is_sent_again_is_there_twice_or_once(
    knob: str, content: bytes
) -> None:
    async with thunderscribe(lost_pieces=knob) as client:
        name = await begun(client)
        await plan(client, "html")
        assert (await send(client, NEXT, file_hash=name)).status_code == 502
        await send(client, NEXT, file_hash=name, last_chunk="true")
        found = await stored(client)
    assert {**found[0], "id": ""} == {"id": ""} | of(content)


async def test_a_slow_answer_is_none_that_was_lost() -> None:
    async with thunderscribe(lost_pieces="dropped") as client:
        name = await begun(client)
        await client.post(f"{URL}/sandbox/faults", json={"endpoint": "/upload", "kind": "slow", "seconds": 0})
        await send(client, NEXT, file_hash=name)
        assert (await stored(client))[0]["size"] == len(FIRST + NEXT)


async def test_a_piece_that_was_cut_off_does_not_count() -> None:
    async with thunderscribe() as client:
        name = await begun(client)
        whole = client.build_request("POST", "v1/upload", files=named("talk.mp3", NEXT))
        headers = {"file-hash": name, "content-type": whole.headers["content-type"]}
        cut = await client.post("v1/upload", content=whole.read()[:-20], headers=headers)
        found = await stored(client)
    assert cut.status_code == 400
    assert found[0]["size"] == len(FIRST)


async def test_a_hash_or_an_id_that_is_unknown_finished_unfinished_or_somebody_elses_is_refused() -> None:
    other = {"Authorization": "Bearer other"}
    async with thunderscribe() as client:
        name = await begun(client)
        unfinished = (await stored(client))[0]["id"]
        mine = (await send(client, LAST)).json()
        refused = [
            await send(client, NEXT, file_hash="unknown"),
            await send(client, NEXT, file_hash=name, **other),
            await send(client, NEXT, file_hash=mine["file_hash"]),
            await client.post("v1/upload", data={"file_id": "none"}),
            await client.post(TRANSCRIPTIONS, data=ORDER | {"file_id": "unknown"}),
            await client.post(TRANSCRIPTIONS, data=ORDER | {"file_id": unfinished}),
            await client.post(TRANSCRIPTIONS, data=ORDER | {"file_id": mine["file_id"]}, headers=other),
        ]
        found = await stored(client)
    assert [answer.status_code for answer in refused] == [400] * 7
    assert [file["size"] for file in found] == [len(FIRST), len(LAST)]


async def test_more_than_five_gigabytes_are_refused_before_they_come() -> None:
    async with thunderscribe() as client:
        announced = {"content-length": str(6 * 1024**3), "content-type": "multipart/form-data; boundary=b"}
        answer = await client.post("v1/upload", content=b"", headers=announced)
    assert answer.status_code == 400
    assert "at most" in answer.json()["message"]
