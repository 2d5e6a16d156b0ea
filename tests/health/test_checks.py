"""`receiver.health`: what must hold in the database and at the provider, and what is only advice."""

import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from receiver import Context, Event, Handler, handler, settings
from receiver.database import Pool
from receiver.handling import discovery, matches
from receiver.health import advice, around, checks, postgres
from receiver.inbox import deliveries, listing
from receiver.inbox.deliveries import Delivery
from receiver.inbox.jobs import Count
from receiver.inbox.listing import TypeCount
from receiver.inbox.spool import Condition
from receiver.providers import TranscribeSo
from receiver.providers.transcribe_so import payload
from receiver.submissions import announcing
from receiver.testing import SANDBOX_URL
from receiver.webhooks import doubts
from tests.processes import completed

QUIET = "nothing to report"


def wanting(*patterns: str, name: str = "mine", sources: tuple[str, ...] | None = None) -> Handler:
    async def function(event: Event, ctx: Context) -> None: ...

    return handler(*patterns, name=name, sources=sources)(function)


def told(types: list[TypeCount], *handlers: Handler, source: str = "transcribe.so") -> dict[str, str]:
    found = advice.arrivals(types, handlers, source)
    assert all(finding.holds for finding in found)
    return {finding.name: finding.said for finding in found if finding.seen != QUIET}


def came(*types: str, unwanted: int = 0) -> list[TypeCount]:
    return [TypeCount(name, events=9, unwanted=unwanted) for name in types]


BUNDLED = wanting("transcription.completed", "transcription.failed", "webhook.test")


@pytest.mark.parametrize("types", [[], came("webhook.test"), came("transcription.completed")])
def test_a_fresh_install_is_told_nothing(types: list[TypeCount]) -> None:
    assert told(types, BUNDLED) == {}
    assert [finding.name for finding in advice.arrivals(types, [], "transcribe.so")] == [
        "no handler",
        "patterns",
        "quarantine",
    ]


def test_notices_are_no_deliveries_of_which_anything_is_said() -> None:
    types = came("receiver.dead", "receiver.costs", unwanted=9)
    assert told(types, wanting("receiver.dead"), wanting("receiver.deaf")) == {}


def test_apprise_is_asked_about_the_addresses_of_notify(monkeypatch: pytest.MonkeyPatch) -> None:
    assert checks.notify(settings.load()) == []
    monkeypatch.setenv("RECEIVER_NOTIFY", "ntfy://s3cret json://s3cret")
    (found,) = checks.notify(settings.load())
    assert (found.name, found.holds, found.seen) == ("notify", True, "2 addresses, of ready, failed, dead")
    monkeypatch.setenv("RECEIVER_NOTIFY", "bogus://s3cret")
    (found,) = checks.notify(settings.load())
    assert not found.holds
    assert "s3cret" not in found.said


def test_what_was_refused_for_its_time_is_told_with_what_became_of_it() -> None:
    counts = [doubts.Count("stored", 2, 9), doubts.Count("later version", 1, 1), doubts.Count(None, 3, 3)]
    assert advice.doubted(counts).holds
    assert advice.doubted(counts).said == (
        "authentic deliveries refused for their time, the last ones within a day: 13; their transcriptions: "
        "2 ended and stored, 1 later version, 3 not looked up yet: "
        "if the clock is right, the provider does not sign retries anew: see RECEIVER_STALE"
    )
    assert advice.doubted([]).seen == QUIET


def test_events_that_no_handler_wanted_are_told_by_type_and_number() -> None:
    types = [*came("transcription.completed"), *came("transcription.failed", unwanted=3)]
    assert told(types, wanting("transcription.completed")) == {
        "no handler": "events of the last 30 days that no handler wanted: transcription.failed: 3: "
        "write a handler, or ignore them; `receiver replay` gives them to a new handler"
    }


def test_only_a_few_types_are_told() -> None:
    said = told(came(*(f"a.b{number}" for number in range(1000)), unwanted=1))["no handler"]
    assert ", and 995 more: " in said
    assert len(said) < 300


@pytest.mark.parametrize(("pattern", "types", "meant"), [
    ("transcription.complete", came("transcription.completed"), "transcription.completed"),
    ("transcripton.completed", came("transcription.completed"), "transcription.completed"),
    ("transcriptions.*", came("webhook.test", "transcription.completed"), "transcription.completed"),
    ("transcription.finished", came("transcription.completed", "a.b"), "transcription.completed"),
    # Nothing similar came, or the type itself came.
    ("billing.paid", came("transcription.completed"), None),
    ("transcription.complete", [], None),
    ("billing.*", came("transcription.completed", unwanted=1), None),
    ("transcription.*", came("transcription.completed"), None),
    ("transcription.completed", came("transcription.completed", "transcription.complete"), None),
    ("webhook.test", came("transcription.completed"), None),
    ("*", came("transcription.completed"), None),
])  # fmt: skip
def test_a_pattern_for_which_nothing_came_is_told_beside_the_type_that_it_might_have_meant(
    pattern: str, types: list[TypeCount], meant: str | None
) -> None:
    said = told(types, wanting(pattern, name="notes")).get("patterns")
    if meant is None:
        assert said is None
    else:
        assert said == f"nothing came in the last 30 days for: {pattern} of notes, but {meant}: is it spelt right?"


@pytest.mark.parametrize(("pattern", "meant"), [
    ("transcription.complete", "transcription.completed"),
    ("transcripton.*", "transcription.completed"),
    ("receiver.deads", "receiver.dead"),
    ("transcription.*", None), ("*", None), ("submission.overdue", None), ("receiver.*", None),
    ("transcription.queued", None), ("billing.paid", None),  # a source can have other types
])  # fmt: skip
def test_a_pattern_that_is_nearly_a_known_type_is_told_before_anything_came(pattern: str, meant: str | None) -> None:
    found = {finding.name: finding.said for finding in advice.arrivals(
        [], [wanting(pattern, name="notes")], "transcribe.so", known=announcing.known_types()
    )}  # fmt: skip
    if meant is None:
        assert found["patterns"] == QUIET
    else:
        assert f": {pattern} of notes, but there is {meant}: is it spelt right?" in found["patterns"]


def test_a_pattern_whose_events_came_is_spelt_right() -> None:
    types = came("transcription.complete", "transcription.completed")
    found = advice.arrivals(types, [wanting("transcription.complete")], "timbr", known=announcing.known_types())
    assert {finding.seen for finding in found} == {QUIET}


@pytest.mark.parametrize("shipped", discovery.load(settings.load(RECEIVER_HANDLERS="receiver.bundled")).values())
def test_what_the_bundled_handlers_want_is_known(shipped: Handler) -> None:
    known = announcing.known_types()
    assert all(pattern == "*" or any(matches(pattern, name) for name in known) for pattern in shipped.patterns)


def test_a_pattern_beside_types_that_others_want_is_told_only_where_it_is_nearly_one_of_them() -> None:
    """The bundled handlers want failures too, which most people never see."""
    types = came("transcription.completed")
    assert told(types, BUNDLED, wanting("transcription.finished", name="notes")) == {}
    assert (
        "transcription.complete of notes"
        in told(types, BUNDLED, wanting("transcription.complete", name="notes"))["patterns"]
    )


def test_a_handler_of_another_source_neither_wants_an_event_nor_is_misspelt() -> None:
    handlers = wanting("transcription.*"), wanting("transcriptions.*", name="notes", sources=("transcribe.so",))
    types = came("transcription.completed", unwanted=1)
    assert "patterns" in told(types, *handlers)
    assert list(told(types, *handlers, source="other.example")) == ["no handler"]
    only = wanting("a.b", sources=("transcribe.so",)), wanting("a.*", name="notes")
    assert told(came("a.bb"), *only, source="other.example") == {}


def test_what_we_write_about_submissions_is_missed_by_nobody() -> None:
    types = [*came("submission"), *came("submission.unknown", "submission.overdue", unwanted=1)]
    assert told(types, BUNDLED) == {}
    assert told(types[:2], BUNDLED, wanting("submission.overdue", name="people"), wanting("submissions.*")) == {}


def test_quarantined_deliveries_are_counted() -> None:
    said = told([TypeCount(None, events=2, unwanted=2)], BUNDLED)
    assert list(said) == ["quarantine"]
    assert (
        "could not be read: 2: `receiver events` shows them, `receiver replay EVENT` reads one again"
        in (said["quarantine"])
    )


async def test_recent_events_are_counted_by_type(db: Pool) -> None:
    async def deliver(body: bytes, *handlers: str, api_url: str = SANDBOX_URL) -> None:
        async with db.acquire() as connection:
            content: Any = payload.read("transcribe.so", body)
            await deliveries.append(connection, [Delivery(content, api_url, "test", handlers)])

    await deliver(completed("evt_old", event_type="a.forgotten"))
    await db.execute("update receiver.events set received_at = now() - interval '31 days'")
    await deliver(completed("evt_1"), "mine", "yours")
    await deliver(completed("evt_2"))
    await deliver(completed("evt_3", event_type="a.b"), "mine")
    await deliver(b"not an event")
    await deliver(completed("evt_4"), api_url="http://another.test")
    assert await listing.recent_types(db, SANDBOX_URL) == [
        TypeCount("a.b", 1, 0), TypeCount("transcription.completed", 2, 1), TypeCount(None, 1, 1),
    ]  # fmt: skip
    assert await listing.recent_types(db, SANDBOX_URL, limit=2) == [TypeCount(None, 1, 1)]


HERE, THERE = "https://here.test/webhooks/transcribe-so", "https://there.test/hook"
NONE = "A webhook of this key does not exist or is not yours."
NO_ENDPOINT = "There is no such endpoint."
AWAY = f"the provider delivers to {THERE}, not to {HERE}"
MOVE = "run `receiver register`, or set PUBLIC_URL to where it delivers"
SWITCH = "switch it on again in its dashboard, then `receiver test-event`"


@pytest.mark.parametrize(("status", "told_by_it", "public_url", "holds", "said"), [
    (200, {"url": HERE, "enabled": True}, "https://here.test", True, f"the provider delivers to {HERE}"),
    (200, {"url": HERE, "enabled": False}, "https://here.test", False, f"the provider has switched it off: {SWITCH}"),
    (200, {"url": THERE, "enabled": True}, "https://here.test", False, f"{AWAY}: {MOVE}"),
    (200, {"url": THERE, "enabled": False}, "https://here.test", False,
     f"{AWAY}, and has switched it off: {MOVE}; {SWITCH}"),
    (404, NONE, "https://here.test", False, "the provider has none for this key: run `receiver register`"),
    (404, NONE, "", True, "the provider has none for this key: set PUBLIC_URL and run `receiver register`"),
    (404, NO_ENDPOINT, "https://here.test", True,
     "the provider does not say whether it has one: `receiver test-event` tries it"),
    (405, "no", "https://here.test", True,
     "the provider does not say whether it has one: `receiver test-event` tries it"),
])  # fmt: skip
async def test_everything_that_is_wrong_with_the_webhook_is_told(
    status: int,
    told_by_it: Any,
    public_url: str,
    holds: bool,  # noqa: FBT001 - a case
    said: str,
) -> None:
    body = told_by_it if status == 200 else {"error": {"code": "not_found", "message": told_by_it}}

    def answer(request: httpx.Request) -> httpx.Response:
        return (
            httpx.Response(status, json=body)
            if request.url.path.endswith("/webhooks")
            else httpx.Response(200, json={})
        )

    configured = settings.load(PUBLIC_URL=public_url) if public_url else settings.load()
    async with TranscribeSo(
        "https://api.test", SecretStr("tsk_live_of_the_tests"), transport=httpx.MockTransport(answer)
    ) as client:
        _, found = await around.provider(client, configured)
    assert (found.name, found.holds, found.said) == ("webhook", holds, said)


DEAD = "see `receiver dead`, then `receiver replay --dead`, or `receiver drop --handler NAME`"
GONE = "jobs of handlers that do not exist: {}: bring the names back, or `receiver drop --handler NAME`"

OTHERS = (
    "unfinished jobs of accounts that are not configured: 6: "
    "run `receiver work` with their TRANSCRIBE_API_URL and key, or ignore them"
)


@pytest.mark.parametrize(("counts", "handlers", "expected"), [
    ([], ["a"], {}),
    ([Count("a", dead=2, unfinished=3, elsewhere=0)], ["a"],
     {"dead jobs": (False, f"2: {DEAD}")}),
    ([Count("gone", dead=2, unfinished=0, elsewhere=0)], ["a"],
     {"orphaned jobs": (True, GONE.format("gone (2 dead)"))}),
    ([Count("gone", dead=0, unfinished=1, elsewhere=0), Count("old", dead=1, unfinished=4, elsewhere=0)], ["a"],
     {"orphaned jobs": (True, GONE.format("gone (1 unfinished), old (4 unfinished, 1 dead)"))}),
    ([Count("a", dead=0, unfinished=0, elsewhere=5), Count("gone", dead=0, unfinished=0, elsewhere=1)], ["a"],
     {"other APIs": (True, OTHERS)}),
    ([Count("a", dead=2, unfinished=0, elsewhere=0)], [],
     {"dead jobs": (False, f"2: {DEAD}"),
      "orphaned jobs": (True, "unknown without handlers")}),
])  # fmt: skip
def test_only_dead_jobs_that_somebody_can_replay_are_wrong(
    counts: list[Count], handlers: list[str], expected: dict[str, tuple[bool, str]]
) -> None:
    found = [
        checks.dead(counts, handlers),
        advice.orphans(counts, handlers),
        advice.elsewhere(counts),
    ]
    quiet = {"dead jobs": (True, "none"), "orphaned jobs": (True, QUIET), "other APIs": (True, QUIET)}
    assert {one.name: (one.holds, one.said) for one in found} == quiet | expected


@pytest.mark.parametrize(("age", "holds"), [(1.0, True), (300.0, False), (-1.0, True), (-300.0, False), (-1e9, False)])
def test_a_spool_that_is_not_drained_is_said_whatever_its_clock_was(*, age: float, holds: bool) -> None:
    found = checks.spool(Condition(Path("spool"), 5, 10, since=time.time() - age), database_answers=True)
    assert (found.holds, "not drained" in found.todo) == (holds, not holds)
    assert checks.spool(Condition(Path("spool"), 5, 10, since=time.time() - age), database_answers=False).holds


def test_a_variable_that_cannot_be_used_is_told_and_is_no_failure() -> None:
    assert advice.environment([]) == []
    (found,) = advice.environment(["ALL_PROXY: no"])
    assert (found.holds, found.said) == (True, "ALL_PROXY: no; requests that need this setting will fail")


def test_the_accounts_of_other_sources_are_told_by_source() -> None:
    configured = settings.load(TRANSCRIBE_API_KEY="k", TIMBR_API_KEY="l", OPENAI_API_URL__HOME="http://o.test")
    assert checks.settings(configured).seen.endswith("key set, no PUBLIC_URL, timbr, openai (home)")


@pytest.mark.parametrize(("chosen", "told"), [
    ({}, ["data folder"]),
    ({"RECEIVER_SPOOL_DIR": "/spool"}, ["data folder"]),
    ({"DATABASE_URL": "postgresql://h.test/d"}, ["spool folder"]),
    ({"DATABASE_URL": "postgresql://h.test/d", "RECEIVER_SPOOL_DIR": "/spool"}, []),
])  # fmt: skip
def test_what_is_kept_on_this_disk_is_told(folder: Path, chosen: dict[str, str], told: list[str]) -> None:
    configured = settings.load(RECEIVER_DATA_DIR=folder / "data", **chosen)
    found = [*postgres.data_folder(configured), *checks.spool_folder(configured)]
    assert [(one.name, one.holds) for one in found] == [(name, True) for name in told]
