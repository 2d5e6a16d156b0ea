"""`receiver.inbox.filters`: whatever way leads to them, all that are asked for are found, the newest first."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import product
from typing import Literal

import pytest
import pytest_asyncio

from receiver.database import Pool
from receiver.inbox import listing
from receiver.inbox.filters import ALL, ALL_JOBS, JOB_STATES, EventState, Filter, JobState, keys
from receiver.inbox.listing import ListedJob, Stored, StoredJob

EVENTS = 60
STATES: list[EventState | None] = [None, "pending", "done", "dead", "quarantined"]
TITLES = [None, "LECTURE"]
SOURCES = [None, "timbr"]
ACCOUNTS = [None, "two"]
TYPES = [None, "transcription.*", "transcription.failed"]
HANDLERS = [None, "a"]
ABOUT = [None, "7"]
SINCE = [None, timedelta(hours=20)]

# One event an hour; each job is due later than those of earlier events. A third of the pending jobs waits.
EVENTS_OF_ALL_KINDS = """
    insert into receiver.events (
        source, event_id, api_url, account, type, unreadable, transcription_id, title, raw, secret_fingerprint, origin,
        received_at
    )
    select
        case when n % 3 = 0 then 'timbr' else 'transcribe.so' end, 'evt_' || n, 'https://' || n % 2 || '.test',
        case when n % 4 = 0 then 'two' else 'default' end,
        case n % 5 when 0 then null when 1 then 'transcription.failed' when 2 then 'webhook.test'
            else 'transcription.completed' end,
        case when n % 5 = 0 then 'why' end, case when n % 5 <> 0 then (n / 5)::text end,
        case when n % 5 <> 0 and n % 7 <> 0 then 'Lecture ' || n || ': 100% _' end, 'x', 'f', 'webhook',
        now() - (60 - n) * interval '1 h' - interval '1 min'
    from generate_series(1, 60) n
    order by n
"""
JOBS_OF_ALL_STATES = """
    insert into receiver.jobs (event, handler, source, api_url, account, state, due_at, is_replay, waiting_since)
    select
        e.id, h, e.source, e.api_url, e.account,
        (array['done', 'pending', 'dead', 'running', 'done', 'dead', 'done', 'pending'])[
            1 + (e.id * 3 + length(h) * 5) % 8
        ]::receiver.job_state,
        now() + e.id * interval '1 min', e.id % 2 = 0, case when e.id % 3 = 0 then e.received_at end
    from receiver.events e
    cross join unnest(array['a', 'bb', 'ccc']) h
    where e.type is not null and e.id % 6 <> 4 and not (h = 'a' and e.id % 4 = 1)
    order by e.id, h
"""


@pytest_asyncio.fixture
async def everything(db: Pool) -> list[Stored]:
    """Store events of all kinds with jobs in all states, and return them, newest first."""
    await db.execute(EVENTS_OF_ALL_KINDS)
    await db.execute(JOBS_OF_ALL_STATES)
    return await listing.recent(db)


def is_of(pattern: str | None, event_type: str | None) -> bool:
    if pattern is None or event_type is None:
        return pattern is None
    return event_type == pattern or (pattern.endswith(".*") and event_type.startswith(pattern[:-1]))


def matches(event: Stored, wanted: Filter, now: datetime) -> bool:
    """Say whether an event is asked for, apart from its jobs."""
    return (
        wanted.about in (None, event.transcription_id)
        and (wanted.title is None or wanted.title.lower() in (event.title or "").lower())
        and is_of(wanted.type, event.type)
        and wanted.source in (None, event.source)
        and wanted.account in (None, event.account)
        and (wanted.since is None or event.received_at > now - wanted.since)
        and wanted.state in (None, event.state)
    )


def has_job(event: Stored, wanted: Filter) -> bool:
    """Say whether an event has the job that is asked for."""
    if wanted.handler is None:
        return True
    states = {"pending": {"pending", "running"}, "dead": {"dead"}}.get(wanted.state or "", set(JOB_STATES))
    return any(job.handler == wanted.handler and job.state in states for job in event.jobs)


def wanted_jobs(event: Stored, wanted: Filter) -> Iterator[StoredJob]:
    """Yield an event's jobs that are asked for, the newest first."""
    for job in sorted(event.jobs, key=lambda job: -job.id):
        is_waiting = job.waiting_since is not None or not wanted.only_waiting
        if wanted.handler in (None, job.handler) and job.state in wanted.job_states and is_waiting:
            yield job


@pytest.mark.parametrize("state", STATES)
async def test_the_events_that_match_all_filters_are_found_newest_first(
    state: EventState | None, db: Pool, everything: list[Stored]
) -> None:
    now = await db.fetchval("select now()")
    seen = 0
    for title, source, account, kind, handler, about, since in product(
        TITLES, SOURCES, ACCOUNTS, TYPES[:2], HANDLERS, ABOUT, SINCE
    ):
        wanted = Filter(
            about=about, title=title, type=kind, source=source, account=account, since=since, state=state,
            handler=handler,
        )  # fmt: skip
        expected = [event.key for event in everything if matches(event, wanted, now) and has_job(event, wanted)]
        assert await keys(db, wanted, None) == expected, wanted
        assert await keys(db, wanted, 2) == expected[:2], wanted
        seen += len(expected)
    assert seen > 0


@pytest.mark.parametrize("state", [None, *JOB_STATES[:-1], "waiting"])
async def test_the_jobs_that_match_all_filters_are_found_those_of_the_newest_events_first(
    state: JobState | Literal["waiting"] | None, db: Pool, everything: list[Stored]
) -> None:
    now = await db.fetchval("select now()")
    states: tuple[JobState, ...] = JOB_STATES if state is None else ("pending" if state == "waiting" else state,)
    for title, source, kind, handler, about, since in product(TITLES, SOURCES, TYPES, HANDLERS, ABOUT, SINCE):
        wanted = Filter(
            about=about, title=title, type=kind, source=source, since=since, handler=handler, job_states=states,
            only_waiting=state == "waiting",
        )  # fmt: skip
        expected = [job.id for event in everything if matches(event, wanted, now) for job in wanted_jobs(event, wanted)]
        assert [one.job.id for one in await listing.jobs(db, wanted)] == expected, wanted
        assert [one.job.id for one in await listing.jobs(db, wanted, limit=2)] == expected[:2], wanted


async def test_a_title_is_looked_for_as_it_is_written(db: Pool, everything: list[Stored]) -> None:
    assert len(everything) == EVENTS
    titles = {"re 11:": 1, "LECTURE 1": 8, ": 100% _": 41, "%": 41, "Lecture%": 0, "_": 41, "____": 0, "\\": 0, "": 41}
    assert {title: len(await listing.recent(db, Filter(title=title))) for title in titles} == titles


@pytest.mark.parametrize(
    ("title", "asked"),
    [
        ("Ärger im Fjord", "äRGER IM fjord"), ("ΣΟΦΙΑ и Мир", "σοφια И мИР"), ("straße", "STRAße"),
        (r"a\d [b] (c) {1} ^.*+?|$ - ***: x", r"A\D [B] (C) {1} ^.*+?|$ - ***: X"), ("***:abc", "***:ABC"),
        ("(?i)abc", "(?I)ABC"), ("日本", "日本"), ("tab\tand 😀_%", "TAB\tAND 😀_%"),
        ("x^y]z", "^Y]Z"), ("a-b", "A-B"), ("İstanbul", "İSTAN"),
    ],
)  # fmt: skip
async def test_a_title_is_found_in_any_case_and_every_character_is_only_itself(
    db: Pool, title: str, asked: str
) -> None:
    await db.execute(EVENTS_OF_ALL_KINDS)
    await db.execute("update receiver.events set title = $1 where event_id = 'evt_11'", title)
    assert [event.title for event in await listing.recent(db, Filter(title=asked))] == [title]


async def test_nothing_is_newer_than_the_newest(db: Pool) -> None:
    for wanted in (ALL, Filter(state="dead"), Filter(title="x"), Filter(source="timbr"), Filter(handler="a")):
        assert await listing.recent(db, wanted) == []
    assert await listing.jobs(db) == []
    await db.execute(EVENTS_OF_ALL_KINDS)
    assert await listing.recent(db, Filter(since=timedelta(seconds=1))) == []
    assert await listing.recent(db, Filter(since=timedelta(seconds=1), state="pending")) == []


async def test_a_submission_is_looked_up_with_its_work_what_it_brought_and_the_event_of_its_end(db: Pool) -> None:
    await db.execute(
        "insert into receiver.events (source, event_id, api_url, account, type, transcription_id, raw, "
        "secret_fingerprint, origin) values "
        "('timbr', 'sub_1', 'u', 'default', 'submission', null, '', '', 'submission'), "
        "('timbr', 'evt_brought', 'u', 'default', 'transcription.completed', 'sub_1', '', '', 'submission'), "
        "('transcribe.so', 'evt_end', 'u', 'default', 'transcription.completed', '4821', '', 'f', 'webhook'), "
        "('transcribe.so', 'sub_1', 'u', 'default', 'webhook.test', null, '', 'f', 'webhook')"
    )
    await db.execute(
        "insert into receiver.submissions (id, source, api_url, account, key_fingerprint, operation, wishes, "
        "recording, caller_key, asked, event) select 'sub_1', 'transcribe.so', 'u', 'default', 'k', 'o', '{}', 'r', "
        "'c', 'a', id from receiver.events where event_id = 'evt_end'"
    )
    found = await listing.recent(db, Filter(about="sub_1"))
    assert [event.id for event in found] == ["sub_1", "evt_end", "evt_brought", "sub_1"]
    assert found[0].type == "webhook.test", "an event of this very id is meant too"


@pytest.mark.parametrize("name", ["evt_8", "transcribe.so/evt_8", "@8"])
async def test_an_event_is_found_by_its_own_id(db: Pool, everything: list[Stored], name: str) -> None:
    (eighth,) = (event for event in everything if event.id == "evt_8")
    assert await keys(db, Filter(about=name.replace("@8", f"@{eighth.key}")), None) == [eighth.key]
    assert await keys(db, Filter(about=name, source="timbr"), None) == []


async def test_of_more_pending_jobs_of_a_queue_those_that_are_due_last_are_shown(
    db: Pool, everything: list[Stored]
) -> None:
    assert len(everything) == EVENTS
    wanted = Filter(job_states=("pending",), handler="bb")
    await db.execute("update receiver.jobs set source = 's', api_url = 'u', account = 'a', is_replay = false")
    pending = await listing.jobs(db, wanted)
    await db.execute("update receiver.jobs set due_at = now() + interval '1 day' where id = $1", pending[-1].job.id)
    shown = await listing.jobs(db, wanted, limit=len(pending) - 1)
    assert [one.job.id for one in shown] == [one.job.id for one in [*pending[:-2], pending[-1]]]


async def test_an_event_and_a_job_tell_what_people_know_of_them(db: Pool, everything: list[Stored]) -> None:
    event = next(one for one in everything if one.title is not None and one.jobs)
    assert event.to_json() | {"title": event.title, "origin": "webhook", "same_as": None} == event.to_json()
    listed: ListedJob = next(one for one in await listing.jobs(db, ALL_JOBS) if one.key == event.key)
    told = listed.to_json()
    assert {name: told[name] for name in ("event", "type", "transcription_id", "title", "origin", "received_at")} == {
        "event": f"{event.source}/{event.id}", "type": event.type, "transcription_id": event.transcription_id,
        "title": event.title, "origin": "webhook", "received_at": event.received_at.isoformat(),
    }  # fmt: skip
