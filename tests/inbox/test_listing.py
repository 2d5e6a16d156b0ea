"""`receiver.inbox.listing`: events and jobs are listed newest first, and events are found by what they are called."""

from receiver.database import Pool
from receiver.events import Event
from receiver.inbox import deliveries, listing
from receiver.inbox.deliveries import Delivery
from receiver.inbox.filters import Filter
from receiver.inbox.listing import Stored
from receiver.providers.transcribe_so import payload
from tests.processes import completed

API = "https://api.test"
SOURCE = "transcribe.so"


async def append(db: Pool, content: Event, *handlers: str, api_url: str = API, account: str = "default") -> None:
    async with db.acquire() as connection:
        await deliveries.append(connection, [Delivery(content, api_url, "abcdef", handlers, account=account)])


def read(
    event_id: str, event_type: str = "transcription.completed", source: str = SOURCE, transcription: int = 4821
) -> Event:
    event = payload.read(source, completed(event_id, transcription, event_type=event_type))
    assert isinstance(event, Event)
    return event


async def only(db: Pool, name: str) -> Stored:
    (found,) = await listing.find(db, name)
    return found


async def test_a_name_means_an_id_a_key_or_what_it_is_about(db: Pool) -> None:
    await append(db, read("evt_1"))
    await append(db, read("evt_2", transcription=7))
    key = (await only(db, "evt_2")).key
    for name in ("evt_2", "transcribe.so/evt_2", f"@{key}", "7"):
        assert (await only(db, name)).id == "evt_2"
    for name in ("@", "@x", f"@{key + 1}", "@99999999999999999999", "transcribe.so/", "8", ""):
        assert await listing.find(db, name) == []


async def test_an_event_is_found_by_its_id_and_by_source_and_id(db: Pool) -> None:
    await append(db, read("evt_1"))
    await append(db, read("evt_1", source="other.example"))
    await append(db, read("a/b/c"))
    await append(db, read("transcribe.so/evt_1", source="other.example"))
    found = {
        name: sorted((event.source, event.id) for event in await listing.find(db, name))
        for name in ("evt_1", "other.example/evt_1", "a/b/c", "transcribe.so/a/b/c", "b/c", "evt", "EVT_1", "evt_%", "")
    }
    assert found == {
        "evt_1": [("other.example", "evt_1"), (SOURCE, "evt_1")],
        "other.example/evt_1": [("other.example", "evt_1")],
        "a/b/c": [(SOURCE, "a/b/c")],
        "transcribe.so/a/b/c": [(SOURCE, "a/b/c")],
        "b/c": [], "evt": [], "EVT_1": [], "evt_%": [], "": [],
    }  # fmt: skip
    ambiguous = await listing.find(db, "transcribe.so/evt_1")
    assert {(event.source, event.id) for event in ambiguous} == {
        (SOURCE, "evt_1"),
        ("other.example", "transcribe.so/evt_1"),
    }


async def test_recent_shows_the_newest_first_and_as_many_as_asked_for(db: Pool) -> None:
    assert await listing.recent(db) == []
    for number in range(60):
        await append(db, read(f"evt_{number}"), "a")
    newest = [f"evt_{number}" for number in reversed(range(60))]
    assert [event.id for event in await listing.recent(db, limit=50)] == newest[:50]
    assert [event.id for event in await listing.recent(db, limit=3)] == newest[:3]
    assert [event.id for event in await listing.recent(db, limit=None)] == newest


async def test_jobs_are_listed_newest_first_with_their_event_and_by_state(db: Pool) -> None:
    for number in range(3):
        await append(db, read(f"evt_{number}"), "a")
    await db.execute("update receiver.jobs set state = 'dead', error = 'why', due_at = now() where event = 2")
    listed = await listing.jobs(db)
    assert [one.event for one in listed] == [f"{SOURCE}/evt_{number}" for number in (2, 1, 0)]
    assert [one.event for one in await listing.jobs(db, limit=1)] == [f"{SOURCE}/evt_2"]
    (dead,) = await listing.jobs(db, Filter(job_states=("dead",)))
    assert (dead.event, dead.job.handler, dead.job.error) == (f"{SOURCE}/evt_1", "a", "why")


async def test_a_test_event_is_found_after_another_event_and_of_one_account_alone(db: Pool) -> None:
    assert await listing.newest_key(db) == 0
    await append(db, read("evt_before", "webhook.test"))
    before = await listing.newest_key(db)
    assert before == (await only(db, "evt_before")).key
    assert await listing.test_event_after(db, (SOURCE, API, "default"), before) is None
    await append(db, read("evt_other_type"))
    await append(db, read("evt_other_api", "webhook.test"), api_url="https://other.test")
    await append(db, read("evt_other_account", "webhook.test"), account="big-show")
    assert await listing.test_event_after(db, (SOURCE, API, "default"), before) is None
    await append(db, read("evt_wanted", "webhook.test"))
    await append(db, read("evt_later", "webhook.test"))
    found = await listing.test_event_after(db, (SOURCE, API, "default"), before)
    assert found is not None
    assert found.id == "evt_wanted"
    assert await listing.other_apis(db, API) == ["https://other.test"]
    assert await listing.other_apis(db, "https://third.test") == [API, "https://other.test"]
