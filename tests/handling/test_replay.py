"""`handling.replay`: which event a name means, which jobs run again, and what becomes of a quarantined body."""

import re

import pytest

from receiver import Context, Event, Handler, handler
from receiver.database import Pool
from receiver.errors import ImpossibleError
from receiver.handling import replay
from receiver.inbox import deliveries, listing
from receiver.inbox.deliveries import Delivery
from receiver.providers.transcribe_so import payload
from tests.processes import completed

API = "https://api.test"


def wanting(pattern: str, name: str) -> Handler:
    async def function(event: Event, ctx: Context) -> None: ...

    return handler(pattern, name=name)(function)


TWICE = f"some.event transcribe.so/evt_1 about 4821 of {API}"
FIRST, SECOND = wanting("transcription.*", "first"), wanting("*", "second")
KNOWN = {"first": FIRST, "second": SECOND}


async def deliver(
    db: Pool, body: bytes, *handlers: str, api_url: str = API, account: str = "default", source: str = "transcribe.so"
) -> None:
    async with db.acquire() as connection:
        content = payload.read(source, body)
        await deliveries.append(connection, [Delivery(content, api_url, "f", handlers, account=account)])


async def test_done_and_dead_jobs_run_again_and_running_ones_are_left_alone(db: Pool) -> None:
    await deliver(db, completed("evt_1"), "first", "second", "gone", "done")
    await db.execute(
        "update receiver.jobs set state = case handler when 'first' then 'dead' when 'second' then 'running'"
        " when 'gone' then 'dead' else 'done' end::receiver.job_state"
    )
    done = await replay.replay(db, "evt_1", [FIRST, SECOND], known=KNOWN)
    assert (done.pending, done.running, done.gone) == (("first",), ("second",), ("gone",))
    (event,) = await listing.find(db, "evt_1")
    states = {job.handler: job.state for job in event.jobs}
    assert states == {"done": "done", "first": "pending", "gone": "dead", "second": "running"}


async def test_a_dropped_job_comes_back_and_that_of_a_gone_handler_is_not_mentioned(db: Pool) -> None:
    await deliver(db, completed("evt_1"), "first", "gone")
    await db.execute("update receiver.jobs set state = 'dropped'")
    done = await replay.replay(db, "evt_1", [FIRST], known=KNOWN)
    assert (done.pending, done.gone) == (("first",), ())


async def test_a_job_whose_handler_is_known_and_was_not_chosen_is_not_gone(db: Pool) -> None:
    await deliver(db, completed("evt_1"), "first", "second", "gone")
    done = await replay.replay(db, "evt_1", [SECOND], known=KNOWN)
    assert (done.pending, done.running, done.gone) == (("second",), (), ("gone",))


async def test_a_replay_that_leaves_running_jobs_alone_has_failed_for_them(db: Pool) -> None:
    await deliver(db, completed("evt_1"), "first", "second")
    (await replay.replay(db, "evt_1", [FIRST, SECOND], known=KNOWN)).require_all()
    await db.execute("update receiver.jobs set state = 'running' where handler = 'first'")
    done = await replay.replay(db, "evt_1", [FIRST, SECOND], known=KNOWN)
    assert done.to_json() == {"event": "evt_1", "jobs_of": "evt_1", "pending": ("second",), "running": ("first",)}
    with pytest.raises(ImpossibleError, match="running, so left alone: first; replay when they have ended"):
        done.require_all()


async def test_a_handler_that_is_new_gets_a_job_if_it_wants_the_event(db: Pool) -> None:
    await deliver(db, completed("evt_1", event_type="some.event"))
    done = await replay.replay(db, "evt_1", [FIRST, SECOND], known=KNOWN)
    assert (done.pending, done.running, done.gone) == (("second",), (), ())


async def test_a_handler_of_another_source_gets_no_job(db: Pool) -> None:
    mine = handler("*", name="mine", sources=("transcribe.so",))(FIRST.function)
    for source, pending in (("transcribe.so", ("mine", "second")), ("other.example", ("second",))):
        await deliver(db, completed("evt_1"), source=source)
        done = await replay.replay(db, f"{source}/evt_1", [mine, SECOND], known={"mine": mine, **KNOWN})
        assert done.pending == pending


@pytest.mark.parametrize(("name", "said"), [
    ("", "EVENT is empty; `receiver events` lists them"),
    (" ", "EVENT is empty; `receiver events` lists them"),
    ("evt_none", "there is no event evt_none; `receiver events` lists them"),
    ("evt_1", f"evt_1 means several events: say which of @2 ({TWICE}, account other), @1 ({TWICE})"),
])  # fmt: skip
async def test_a_name_that_does_not_mean_one_event_is_refused_and_nothing_runs(db: Pool, name: str, said: str) -> None:
    for account in ("default", "other"):
        await deliver(db, completed("evt_1", event_type="some.event"), account=account)
    with pytest.raises(ImpossibleError) as refused:
        await replay.replay(db, name, [SECOND], known=KNOWN)
    assert re.sub(", received [0-9: -]+Z", "", str(refused.value)) == said
    assert await db.fetchval("select count(*) from receiver.jobs") == 0


async def test_what_still_cannot_be_read_stays_in_quarantine(db: Pool) -> None:
    await deliver(db, b"not an event")
    (event,) = await listing.recent(db)
    with pytest.raises(ImpossibleError, match="it still cannot be read: it is not JSON"):
        await replay.replay(db, event.id, [SECOND], known=KNOWN)
    assert [one.state for one in await listing.recent(db)] == ["quarantined"]


def test_only_the_named_handler_is_chosen() -> None:
    assert replay.chosen(KNOWN, None) == [FIRST, SECOND]
    assert replay.chosen(KNOWN, "second") == [SECOND]
    with pytest.raises(ImpossibleError, match="there is no handler third; there are first, second"):
        replay.chosen(KNOWN, "third")
