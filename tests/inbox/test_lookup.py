"""`receiver.inbox.lookup`: a name means one event, which comes with all that is kept of it."""

import base64
import json
from typing import Literal

import pytest

from receiver.database import Pool
from receiver.errors import ImpossibleError
from receiver.events import read_own
from receiver.inbox import deliveries, lookup
from receiver.inbox.deliveries import Delivery
from receiver.providers.transcribe_so import payload
from tests.processes import completed

API = "https://api.test"


async def deliver(db: Pool, body: bytes, *, account: str = "default") -> None:
    async with db.acquire() as connection:
        await deliveries.append(connection, [Delivery(payload.read("transcribe.so", body), API, "f", account=account)])


async def test_an_event_among_several_is_meant_by_its_key(db: Pool) -> None:
    for account in ("default", "other"):
        await deliver(db, completed("evt_1"), account=account)
    for name in ("@1", " @1\n"):
        assert (await lookup.one(db, name)).account == "default"


async def test_the_id_of_a_submission_means_its_own_work_and_not_what_it_has_brought(db: Pool) -> None:
    brought = {"event": "transcription.completed", "data": {"transcription": {"id": "sub_1"}}}
    async with db.acquire() as connection:
        for event_id, body in (("sub_1", {"event": "submission"}), ("evt_sub_1_1", brought)):
            content = read_own("timbr", json.dumps({"id": event_id} | body).encode())
            await deliveries.append(connection, [Delivery(content, API, "", own="submission")])
    assert (await lookup.one(db, "sub_1")).type == "submission"
    assert (await lookup.one(db, "evt_sub_1_1")).transcription_id == "sub_1"


async def test_an_event_comes_with_its_body_and_its_variants(db: Pool) -> None:
    body = completed("evt_1")
    await deliver(db, body)
    await deliver(db, body + b" ")
    found = await lookup.whole(db, "@1")
    assert (found.event.id, found.raw) == ("evt_1", body)
    (variant,) = found.variants
    assert variant.state == "quarantined"
    told = found.to_json()
    assert (told["id"], told["variants"], base64.b64decode(told["raw"])) == ("evt_1", [variant.id], body)
    bare = await lookup.whole(db, "@1", with_body=False)
    assert (bare.raw, bare.variants) == (b"", found.variants)


async def test_no_event_is_no_whole_one(db: Pool) -> None:
    with pytest.raises(ImpossibleError, match="there is no event evt_none"):
        await lookup.whole(db, "evt_none")


async def test_of_many_events_that_a_name_means_the_newest_are_named(db: Pool) -> None:
    for number in range(1, 23):
        await deliver(db, completed(f"evt_{number}"))
    with pytest.raises(ImpossibleError) as refused:
        await lookup.one(db, "4821")
    said = str(refused.value)
    assert said.startswith("4821 means several events: say which of @22 (transcription.completed transcribe.so/evt_22 ")
    assert said.endswith(" and 2 more")
    assert ("@3 (" in said, "@2 (" in said) == (True, False)


@pytest.mark.parametrize("own", ["submission", "reconciled"])
async def test_what_we_wrote_is_shown_with_shortened_addresses(
    db: Pool, own: Literal["submission", "reconciled"]
) -> None:
    url, other = "https://u:s3cret@h.example/a b.mp3?s3cret", "https://o:s3cret@h.example/t.srt#s3cret"
    told = {"recording": url, "error": f"{url} is away", "options": {"of": [other, 1, None]}}
    body = json.dumps({"id": "evt_1", "event": "submission.unknown", "data": {"submission": told}}).encode()
    async with db.acquire() as connection:
        await deliveries.append(connection, [Delivery(read_own("timbr", body), API, "", own=own)])
    found = await lookup.whole(db, "@1")
    assert found.is_ours
    assert found.raw == body
    assert json.loads(found.safe_body)["data"]["submission"] == {
        "recording": "https://h.example/a b.mp3?…", "error": "https://h.example/a b.mp3?… is away",
        "options": {"of": ["https://h.example/t.srt?…", 1, None]},
    }  # fmt: skip


async def test_what_a_provider_sent_is_shown_as_it_came(db: Pool) -> None:
    body = completed("evt_1").replace(b"4821", b'4821, "url": "https://u:p@h.example/?x"')
    await deliver(db, body)
    found = await lookup.whole(db, "@1")
    assert (found.is_ours, found.safe_body) == (False, body)
