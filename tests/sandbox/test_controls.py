"""`receiver.sandbox.controls`: the ledger of charges."""

from typing import Any

import httpx

from receiver import signature
from receiver.sandbox import EXAMPLE_ID, Knobs
from tests.sandbox.simulated import KEY, OTHER, URL, ended, sandboxed, submission, submit


async def charges(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await client.get(f"{URL}/sandbox/charges", headers={"Authorization": ""})).json()
    return found


async def test_whatever_transcribe_so_bills_is_in_the_ledger_once_with_whose_key_it_was() -> None:
    again = {"Idempotency-Key": "one"}
    async with sandboxed() as client:
        body = submission("https://example.com/fail-once.mp3", duration_seconds=600)
        answers = [await client.post("transcriptions", json=body, headers=again) for _ in range(2)]
        number = answers[0].json()["id"]
        await ended(client, number)
        await client.post(f"transcriptions/{number}/retry")
        await client.post(f"transcriptions/{EXAMPLE_ID}/timestamps/regenerate")
        await client.post("transcriptions", json=submission(), headers=OTHER)
        found = await charges(client)
        text = (await client.get(f"{URL}/sandbox/charges")).text
    mine, theirs = signature.fingerprint(KEY.encode()), signature.fingerprint(b"tsk_live_two")
    assert [tuple(row[field] for field in ("account", "operation", "amount", "unit")) for row in found] == [
        (mine, "transcription", 0.362, "USD"), (mine, "retry", 0.362, "USD"), (mine, "regeneration", 0.0, "USD"),
        (theirs, "transcription", 2.172, "USD"),
    ]  # fmt: skip
    assert [row["id"] for row in found[:3]] == [str(number), str(number), str(EXAMPLE_ID)]
    assert {row["provider"] for row in found} == {"transcribe.so"}
    assert [row["at"] for row in found] == sorted(row["at"] for row in found)
    assert KEY not in text


async def test_what_was_refused_or_only_priced_is_not_in_the_ledger() -> None:
    async with sandboxed(knobs=Knobs(wallet=2.2)) as client:
        await client.post("quotes", json=submission())
        await client.post("transcriptions", json=submission(max_charge_usd=0.01))
        await client.post("transcriptions", json=submission("no address"))
        assert await charges(client) == []
        await submit(client)
        await client.post("transcriptions", json=submission())  # the wallet is empty
        assert len(await charges(client)) == 1
