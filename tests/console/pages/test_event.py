"""One event: what happened to it, what came, and its jobs run again."""

import re
from datetime import timedelta

import pytest

from receiver import Context, Event, handler
from receiver.console.pages.event import dump
from receiver.database import Pool
from receiver.events import AccountId
from receiver.inbox import deliveries, jobs, lookup
from receiver.inbox.deliveries import Delivery
from receiver.providers.transcribe_so import payload
from tests.console.asked import API_URL, Asked, Person
from tests.inbox.dying import store
from tests.processes import completed

pytestmark = pytest.mark.usefixtures("own_environment")

HOSTILE = "<script>x</script>\u202e"


@handler("transcription.*", name="crm")
async def crm(event: Event, ctx: Context) -> None:
    """Do nothing."""


@handler("webhook.test", name="other")
async def other(event: Event, ctx: Context) -> None:
    """Do nothing."""


HANDLERS = {"crm": crm, "other": other}


async def asked_with_handlers(url: str) -> tuple[Asked, Person]:
    asked = Asked(url, handlers=HANDLERS)
    return asked, await asked.operator()


async def deliver(db: Pool, body: bytes, **more: float) -> None:
    async with db.acquire() as connection:
        content = payload.read("transcribe.so", body)
        await deliveries.append(connection, [Delivery(content, API_URL, "fp_secret", ("crm",), **more)])  # type: ignore[arg-type]


async def test_its_life_is_told_with_the_slowest_hop_marked(operator: Person, db: Pool) -> None:
    await deliver(db, completed("evt_1"), seconds_off=2.5)
    await deliver(db, completed("evt_1"))
    await deliver(db, completed("evt_1") + b" ")
    await db.execute(
        "insert into receiver.attempts (job, attempt, worker, claimed_at, ended_at, outcome, error)"
        " select j.id, n, 'host/7', e.received_at + n * interval '1 min', e.received_at + n * interval '1 min'"
        " + interval '3 s', (array['again', 'dead', 'done'])[n], (array['no answer', $1, null])[n]"
        " from receiver.jobs j, receiver.events e, generate_series(1, 3) n where e.id = j.event",
        HOSTILE,
    )
    page = await operator.page("/events/1")
    for text in (
        "came and was stored, proven by secret fp_secret, signed 2.5 s before", "came again",
        "Another body with this id, in quarantine: @", "waited 60 s for a worker (the slowest hop)",
        "failed, attempt 1 after 3 s on host/7 no answer", "claimed, waited 57 s for its next try",
        "dead, attempt 2 after 3 s on host/7 <script>x</script>\\u202e", "claimed, left for 57 s, then replayed",
        "done, attempt 3 after 3 s",
    ):  # fmt: skip
        assert text in page.text, page.text
    assert page.text.count("the slowest hop") == 1
    (claimed,) = await jobs.claim(
        db, [jobs.Portion(jobs.Queue(AccountId("transcribe.so", API_URL, "default"), "crm", is_replay=False), 1)],
        lease=timedelta(minutes=1), limit=1,
    )  # fmt: skip
    assert claimed.idempotency_key in page.text
    assert (await lookup.whole(db, "@1")).to_json()["jobs"][0]["idempotency_key"] == claimed.idempotency_key

    await db.execute("update receiver.jobs set idempotency_key = 'of-an-older-version'")
    assert "of-an-older-version" in (await operator.page("/events/1")).text


async def test_the_body_is_shown_and_downloaded_as_it_came(operator: Person, db: Pool) -> None:
    body = completed("evt_1").replace(b"4821", b"12345678901234567890123")
    await deliver(db, body)
    page = await operator.page("/events/1")
    assert "12345678901234567890123" in page.text
    assert dump(body).splitlines()[0] in " ".join(page.text.split("Hexadecimal")) or "00000000" in page.text
    answer = await operator.get("/events/1/raw")
    assert answer.content == body
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == 'attachment; filename="event-1.json"'
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_strange_body_is_text(operator: Person, db: Pool) -> None:
    await deliver(db, b"\xff\x00<script>alert(1)</script>\x1b[2J")
    page = await operator.page("/events/1")
    assert "In quarantine" in page.text
    assert "\\xff\\x00<script>alert(1)</script>\\x1b[2J" in page.text
    assert [src for src in page.values("script", "src") if not src.startswith("/assets/")] == []


async def test_all_jobs_or_that_of_one_handler_run_again(receiver_database: str, db: Pool) -> None:
    asked, person = await asked_with_handlers(receiver_database)
    await store(db, "evt", 1, api_url=API_URL)
    answer = await person.submit("/events/1/replay")
    assert (answer.status_code, answer.headers["location"]) == (303, "/events/1?said=pending")
    assert await db.fetchval("select state from receiver.jobs") == "pending"
    assert "A replay was asked for" in (await person.page("/events/1?said=pending&said=<b>x</b>&said=pending")).text
    await db.execute("update receiver.jobs set state = 'running'")
    assert (await person.submit("/events/1/replay", handler="crm")).headers["location"] == "/events/1?said=running"
    assert (await person.submit("/events/1/replay", handler="other")).headers["location"] == "/events/1?said=unwanted"
    refused = await person.submit("/events/1/replay", handler="nosuch")
    assert refused.status_code == 409
    assert "there is no handler nosuch; there are crm, other" in refused.text
    await asked.close()


async def test_a_late_webhook_leads_to_the_event_that_has_the_jobs(receiver_database: str, db: Pool) -> None:
    asked, person = await asked_with_handlers(receiver_database)
    await store(db, "evt", 1, api_url=API_URL)
    await store(db, "late", 1, api_url=API_URL)
    await db.execute("delete from receiver.jobs where event = 2")
    await db.execute("update receiver.events set same_as = 1 where id = 2")
    assert "/events/1" in (await person.page("/events/2")).values("a", "href")
    assert "/events/2" in (await person.page("/events/1")).values("a", "href")
    assert (await person.submit("/events/2/replay")).headers["location"] == "/events/2?said=pending&said=instead"
    await asked.close()


async def test_a_reader_looks_and_replays_nothing(asked: Asked, db: Pool) -> None:
    await store(db, "evt", 1, api_url=API_URL)
    reader = await asked.reader()
    page = await reader.page("/events/1")
    assert "Replay all" not in page.text
    assert (await reader.submit("/events/1/replay")).status_code == 403
    assert await db.fetchval("select state from receiver.jobs") == "dead"


async def test_one_job_is_dropped_after_a_page_has_said_it_with_a_reason(receiver_database: str, db: Pool) -> None:
    asked, person = await asked_with_handlers(receiver_database)
    await store(db, "evt", 2, api_url=API_URL)
    await db.execute(
        "insert into receiver.jobs (event, handler, source, api_url, account, state, attempt)"
        " select id, h, source, api_url, account, s::receiver.job_state, 1 from receiver.events,"
        " (values ('gone', 'pending'), ('other', 'pending'), ('third', 'done'), ('submissions', 'dead')) as j (h, s)"
        " where id = 1"
    )
    page = await person.page("/events/1")
    links = [link for link in page.values("a", "href") if "/drop" in link]
    assert links == ["/events/1/drop?handler=crm", "/events/1/drop?handler=gone"]
    page = await person.page(links[0])
    for said in ("Event Episode 1", "Handler crm", "1 job ends for good: crm (1).", "Received: "):
        assert said in page.text
    assert page.values("a", "href").count("/events/1") == 1
    assert page.values("form", "action") == ["/sign-out", "/events/1/drop"]
    assert "1 of them are pending, of handlers that do not exist here" in (await person.page(links[1])).text

    answer = await person.submit("/events/1/drop", handler="crm", said="1", reason=" customer left ")
    assert (answer.status_code, answer.headers["location"]) == (303, "/events/1?said=dropped")
    text = (await person.page("/events/1?said=dropped&said=left")).text
    assert "What was to be dropped is dropped." in text
    assert "Some were left alone" in text
    assert "dropped by" in text
    assert ": customer left" in text
    rows = await db.fetch("select handler, event from receiver.jobs where state = 'dropped'")
    assert [tuple(row) for row in rows] == [("crm", 1)]
    await asked.close()


async def test_what_cannot_be_dropped_is_said(receiver_database: str, db: Pool) -> None:
    asked, person = await asked_with_handlers(receiver_database)
    await store(db, "evt", 1, api_url=API_URL)
    await store(db, "sub", 1, api_url=API_URL, handler="submissions", event_type="submission.unknown")
    await store(db, "odd", 1, api_url=API_URL, state="pending")
    assert "No jobs to drop." in (await person.page("/events/1/drop?handler=other")).text
    assert "No jobs to drop." in (await person.page("/events/3/drop?handler=%00")).text
    assert "receiver resolve" in (await person.page("/events/2/drop", status=409)).text
    assert "no event with the key" in (await person.page("/events/9/drop", status=404)).text
    for path, form, said in (
        ("/events/2/drop", {"said": "1"}, "receiver resolve"), ("/events/9/drop", {"said": "1"}, "there is no event"),
        ("/events/1/drop", {"handler": "other", "said": "1"}, "nothing of this is dead any more"),
        ("/events/1/drop", {"handler": "crm"}, "a whole number from 1 on"),
        ("/events/1/drop", {"said": "1", "reason": "x" * 501}, "at most 500 characters"),
    ):  # fmt: skip
        answer = await person.submit(path, **form)
        assert (answer.status_code, said in answer.text) == (409, True), (path, answer.text)
    reader = await asked.reader()
    page = await reader.page("/events/1/drop?handler=crm")
    assert "1 job ends for good" in page.text
    assert page.values("form", "action") == ["/sign-out"]
    assert (await reader.submit("/events/1/drop", handler="crm", said="1")).status_code == 403
    assert "/events/1/drop?handler=crm" not in (await reader.page("/events/1")).values("a", "href")
    assert await db.fetchval("select count(*) from receiver.jobs where state = 'dropped'") == 0
    await asked.close()


async def test_a_job_of_our_own_work_has_a_handler_and_of_nobody_has_none(operator: Person, db: Pool) -> None:
    await store(db, "sub", 1, handler="submissions", event_type="submission")
    await store(db, "gone", 1, handler="gone")
    missing = "There is no such handler here"
    assert missing not in (await operator.page("/events/1")).text
    assert missing in (await operator.page("/events/2")).text
    assert missing not in (await operator.page("/dead?handler=submissions")).text


async def test_a_replay_by_somebody_else_is_seen(operator: Person, db: Pool) -> None:
    await store(db, "evt", 2)
    page = await operator.page("/events/1")
    assert page.values("body", "data-changes") == ["/changes"]
    assert "refresh" not in page.values("meta", "http-equiv"), "who reads without JavaScript is not disturbed"
    await db.execute("update receiver.jobs set state = 'pending' where event = 1")
    await db.execute("update receiver.events set pruned_at = now(), raw = sha256(raw) where id = 2")
    assert (await operator.page("/events/1")).values("meta", "http-equiv") == ["refresh"]
    assert (await operator.page("/events/2")).values("body", "data-changes") == []


@pytest.mark.parametrize("key", ["7", "9" * 30, "99999999999999999"])
async def test_an_event_that_is_not_there_is_no_page(operator: Person, key: str) -> None:
    assert "no event with the key" in (await operator.page(f"/events/{key}", status=404)).text
    assert (await operator.get(f"/events/{key}/raw")).status_code == 404
    assert (await operator.submit(f"/events/{key}/replay")).status_code == 409


async def test_a_pruned_event_has_no_body(operator: Person, db: Pool) -> None:
    await store(db, "evt", 1)
    await db.execute("update receiver.events set pruned_at = now(), raw = sha256(raw)")
    page = await operator.page("/events/1")
    assert "were pruned" in page.text
    assert "As it came" not in page.text
    assert (await operator.get("/events/1/raw")).status_code == 404


async def test_its_transcript_is_linked_once_it_is_kept(operator: Person, db: Pool) -> None:
    await store(db, "evt", 1, api_url=API_URL)
    await db.execute("update receiver.events set transcription_id = 'a/b \"c'")
    link = "/transcripts/transcribe.so/a%2Fb%20%22c"
    assert link not in (await operator.page("/events/1")).values("a", "href")
    await db.execute(
        "insert into receiver.archive (source, api_url, transcription_id, completed_at, kind, answer)"
        " values ('transcribe.so', 'https://api.example.com', 'a/b \"c', '', 'result', '{}')"
    )
    assert link in (await operator.page("/events/1")).values("a", "href")


async def test_of_one_id_at_two_apis_the_transcript_of_the_events_own_is_linked(operator: Person, db: Pool) -> None:
    other = "https://other.example.com"
    await store(db, "here", 1, api_url=API_URL)
    await store(db, "there", 1, api_url=other)
    await db.execute("update receiver.events set transcription_id = '7'")
    links = {}
    for api_url in (API_URL, other):
        await db.execute(
            "insert into receiver.archive (source, api_url, transcription_id, completed_at, kind, answer)"
            " values ('transcribe.so', $1, '7', '', 'result', '{\"segments\": []}')",
            api_url,
        )
        for key in (1, 2):
            found = (await operator.page(f"/events/{key}")).values("a", "href")
            links[api_url, key] = [link for link in found if link.startswith("/transcripts/")]
    usual, its_own = "/transcripts/transcribe.so/7", "/transcripts/transcribe.so/7?api=https%3A%2F%2Fother.example.com"
    assert links == {
        (API_URL, 1): [usual], (API_URL, 2): [], (other, 1): [usual], (other, 2): [its_own],
    }  # fmt: skip


def test_a_dump_shows_every_byte() -> None:
    body = bytes(range(256))
    lines = dump(body).splitlines()
    assert bytes.fromhex("".join(re.sub(r"^\S+  (.{47}).*$", r"\1", line) for line in lines)) == body
    assert lines[2].endswith("  " + bytes(range(32, 48)).decode())
    assert dump(b"") == ""
