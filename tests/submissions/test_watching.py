"""`submissions.watching`, and what a submission brings that the provider works on by itself: looks, files, text."""

import hashlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio

from receiver.database import Pool
from receiver.errors import ImpossibleError
from receiver.inbox import artifacts, deliveries
from receiver.inbox.deliveries import Delivery
from receiver.providers import archive
from receiver.providers.transcribe_so import payload
from receiver.submissions import announcing, looks, records, resolving, results, working
from receiver.submissions.moves import State
from receiver.submissions.records import Change, Submission, Wanted
from receiver.submissions.shelf import Shelf
from receiver.submissions.watching import Watcher
from receiver.submissions.working import Working
from tests.commands import Simulated
from tests.processes import completed
from tests.submissions.submitting import Bench, bench_at, transcribe_bench, with_links

LISTED = "/v1/jobs"


@pytest.fixture(scope="module")
def quick() -> Iterator[Simulated]:
    with with_links().running() as running:
        yield running


@pytest_asyncio.fixture
async def here(db: Pool, receiver_database: str, quick: Simulated) -> AsyncIterator[Bench]:
    async with bench_at(quick, db, receiver_database) as found:
        yield found


async def nobody(_: Submission) -> None:
    """Wait without a word."""


def watcher(here: Bench) -> Watcher:
    return Watcher(here.db, {here.account.id: here.client}, here.interested)


async def looked(here: Bench, *submissions: Submission) -> None:
    """Look at submissions now."""
    await due(here, *submissions)
    await watcher(here).look()


async def due(here: Bench, *submissions: Submission, **ago: timedelta) -> None:
    """Let submissions be due, and things have happened a while ago."""
    changes = "".join(f", {name} = now() - ${number}::interval" for number, name in enumerate(ago, start=2))
    ids = [submission.id for submission in submissions]
    await here.db.execute(
        f"update receiver.submissions set look_at = now(){changes} where id = any($1)", ids, *ago.values()
    )


async def accepted(here: Bench, remote_id: str, **wanted: Any) -> Submission:
    """Return a submission that the provider has begun, as far as we know."""
    asked: dict[str, Any] = {
        "account": here.account.id, "key_fingerprint": "", "operation": "separation", "wishes": {}, "recording": "a",
        "url": None, "title": "a", "duration_seconds": 60.0, "bytes": 1, "asked": remote_id, "if_lost": "ask",
        "unit": "credits",
    }  # fmt: skip
    submission = await records.intend(here.db, Wanted(**asked | wanted), remote_id)
    assert submission is not None
    for state, change in (
        (State.UPLOADED, Change()), (State.SENT, Change(tries=1)),
        (State.ACCEPTED, Change(remote_id=remote_id, look_after=timedelta(0))),
    ):  # fmt: skip
        submission = await records.move(here.db, submission.id, state, change)
        assert submission is not None
    return submission


async def test_stems_are_here_before_the_event_is_written(here: Bench) -> None:
    here.wanted["separation.completed"] = ("stems",)
    submission = await here.worked(await here.submit("talk.wav", operation="separation"))
    assert (submission.state, submission.remote_id is None) == (State.ACCEPTED, False)
    assert await here.events() == []
    await looked(here, submission)
    submission = await here.worked(submission)
    assert (submission.state, submission.charged, submission.unit) == (State.DONE, 3600, "credits")
    (event,) = await here.events()
    assert (event.type, [job.handler for job in event.jobs]) == ("separation.completed", ["stems"])
    found = await artifacts.of(here.db, submission.id)
    assert len(found) == 2
    for one in found:
        content = one.path.read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (one.bytes, one.sha256)
        assert one.path.parent == here.shelf.place / "timbr-audio" / submission.id


async def test_a_diarization_brings_a_transcript(here: Bench) -> None:
    submission = await here.worked(await here.submit("talk.wav", operation="diarization"))
    await looked(here, submission)
    submission = await here.worked(submission)
    (event,) = await here.events()
    assert (event.type, event.transcription_id) == ("transcription.completed", submission.id)
    kept = await archive.kept(here.db, announcing.subject(submission), "result")
    assert kept is not None
    assert {segment.speaker for segment in here.client.transcript("diarization", kept).segments} >= {"Speaker 1"}


async def test_what_failed_at_the_provider_is_an_event_too(here: Bench) -> None:
    submission = await here.worked(await here.submit("fail.wav", operation="enhancement"))
    await looked(here, submission)
    submission = await here.worked(submission)
    assert (submission.state, [event.type for event in await here.events()]) == (
        State.FAILED, ["enhancement.failed"],
    )  # fmt: skip
    assert submission.error


async def test_a_hundred_submissions_cost_one_request(here: Bench, quick: Simulated) -> None:
    before = len(listed(quick))
    many = [await accepted(here, f"job_{number}") for number in range(100)]
    here.client._found.has_list = True  # type: ignore[attr-defined]  # noqa: SLF001 - as another test may have learned
    await looked(here, *many)
    rows = await records.recent(here.db, None, None)
    assert {row.looks for row in rows} == {1}
    assert len(listed(quick)) - before <= 101  # what the list does not have is asked for alone


async def test_what_comes_along_with_a_look_is_noted_too(here: Bench) -> None:
    first = await here.worked(await here.submit("talk.wav", operation="separation"))
    second = await here.worked(await here.submit("talk.wav", operation="separation", sample_rate=8000))
    unknown = await accepted(here, "job_unknown")
    await here.db.execute("update receiver.submissions set look_at = now() + interval '1 hour'")
    await looked(here, first, unknown)  # two, so that the list is read
    assert (await here.now(second)).state is State.ENDED


async def test_what_the_provider_does_not_know_for_ten_minutes_is_unknown(here: Bench) -> None:
    lately, long_ago = await accepted(here, "job_lately"), await accepted(here, "job_long_ago")
    just_now = await accepted(here, "job_just_now")
    await due(here, just_now, accepted_at=timedelta(days=1), seen_at=timedelta(days=1))
    await due(here, lately, missing_since=timedelta(minutes=9))
    await due(here, long_ago, missing_since=timedelta(minutes=11))
    await watcher(here).look()
    assert (await here.now(lately)).state is State.ACCEPTED
    assert (await here.now(just_now)).missing_since is not None
    gone = await here.now(long_ago)
    assert (gone.state, gone.error) == (State.UNKNOWN, "the provider does not know it any more")


async def test_another_work_has_ten_minutes_of_its_own(here: Bench) -> None:
    one = await accepted(here, "job_gone")
    await due(here, one, missing_since=timedelta(minutes=11))
    await watcher(here).look()
    async with here.db.acquire() as connection:
        await resolving.found(connection, one.id, "job_new")
    await looked(here, one)
    assert (await here.now(one)).state is State.ACCEPTED


async def test_an_announced_end_counts_although_the_work_was_missed(db: Pool, receiver_database: str) -> None:
    async with transcribe_bench(db, receiver_database) as here:
        missed, again = [await accepted(here, one, operation="transcription") for one in ("4821", "4822")]
        await records.move(db, missed.id, State.UNKNOWN)
        for state, change in (
            (State.UNKNOWN, Change()), (State.UPLOADED, Change(permitted=1)), (State.SENT, Change(tries=1)),
            (State.UNKNOWN, Change()),
        ):  # fmt: skip
            await records.move(db, again.id, state, change)
        for work in (4821, 4822):
            content = payload.read("transcribe.so", completed(f"evt_{work}", work))
            async with db.acquire() as connection:
                await deliveries.append(connection, [Delivery(content, here.account.api_url, "test", ())])
        await watcher(here).look()
        assert (await here.now(missed)).state is State.DONE
        assert (await here.now(again)).state is State.UNKNOWN, "nobody knows what became of its last try"


async def test_a_provider_that_cannot_be_asked_is_left_alone_for_a_while(here: Bench) -> None:
    one = await accepted(here, "job_1")
    requests = list[str]()

    async def refuse(request: httpx.Request) -> None:
        requests.append(request.url.path)
        raise httpx.ConnectError("refused", request=request)

    here.transport.before = refuse
    eyes = watcher(here)
    await due(here, one)
    await eyes.look()
    asked = len(requests)
    await due(here, one)
    await eyes.look()
    assert asked == len(requests) > 0
    assert (await here.now(one)).state is State.ACCEPTED


async def test_others_do_not_look_at_what_is_taken(here: Bench) -> None:
    await accepted(here, "job_1")
    whose, lease = [here.account.id], timedelta(minutes=2)
    assert len(await looks.take(here.db, whose, lease=lease, limit=100)) == 1
    assert await looks.take(here.db, whose, lease=lease, limit=100) == []


async def test_what_takes_too_long_is_told_once_and_looked_at_hourly(here: Bench) -> None:
    here.wanted["submission.overdue"] = ("tell-me",)
    one = await accepted(here, "job_1")
    for _ in range(2):
        await due(here, one, accepted_at=timedelta(days=2), seen_at=timedelta(0))
        await watcher(here).look()
    (event,) = await here.events()
    assert (event.type, event.deliveries, [job.handler for job in event.jobs]) == ("submission.overdue", 1, ["tell-me"])
    later = await here.now(one)
    assert later.overdue_at is not None
    assert later.look_at is not None
    assert later.state is State.ACCEPTED


async def test_what_takes_too_long_is_told_although_the_provider_cannot_be_asked(here: Bench) -> None:
    late, lately = await accepted(here, "job_1"), await accepted(here, "job_2")

    async def refuse(request: httpx.Request) -> None:
        raise httpx.ConnectError("refused", request=request)

    here.transport.before = refuse
    await due(here, late, lately)
    await due(here, late, accepted_at=timedelta(days=2))
    for _ in range(2):
        await watcher(here).look()
        await due(here, late, lately)
    (event,) = await here.events()
    assert (event.type, (await here.data(event))["submission"]["id"]) == ("submission.overdue", late.id)
    assert (await here.now(late)).state is State.ACCEPTED


@pytest.mark.parametrize(("minutes", "is_late"), [(6, False), (8, True)])
async def test_what_takes_longer_than_its_length_suggests_is_asked_about_and_then_shown(
    here: Bench, minutes: int, *, is_late: bool
) -> None:
    """A minute of sound at a provider that is new: seven minutes."""
    one = await accepted(here, "job_1")
    await due(here, one, accepted_at=timedelta(minutes=minutes))
    await watcher(here).look()
    now = await here.now(one)
    assert (now.looks, now.overdue_at is not None, len(await here.events())) == (1, is_late, int(is_late))
    assert (now.to_json()["overdue_at"] is None) is not is_late
    assert now.look_at is not None
    assert now.seen_at is not None
    rest = (now.look_at - now.seen_at).total_seconds() + minutes * 60
    assert is_late or rest == pytest.approx(420, abs=5), "it is asked about when it becomes overdue"


async def lasted(here: Bench, number: int, seconds: float, **wanted: Any) -> Submission:
    """Return a submission that has taken so long for a minute of sound."""
    one = await accepted(here, f"job_{number}", **wanted)
    await records.move(here.db, one.id, State.ENDED)
    await here.db.execute(
        "update receiver.submissions set accepted_at = ended_at - $2::interval where id = $1", one.id,
        timedelta(seconds=seconds),
    )  # fmt: skip
    return one


async def usual(here: Bench, like: Submission, **changes: Any) -> float:
    """Return how long an hour of such a submission will take, as a share."""
    one = replace(like, duration_seconds=3600.0, **changes)
    return (await looks.times(here.db, here.account.id, [one]))[one.id].expected / 3600


async def test_the_usual_time_is_learned_from_what_has_ended(here: Bench) -> None:
    assert await usual(here, await accepted(here, "job_first")) == pytest.approx(0.3)
    for number, seconds in enumerate((6, 12, 600)):
        one = await lasted(here, number, seconds)
    assert await usual(here, one) == pytest.approx(0.2)
    assert await usual(here, one, operation="enhancement") == pytest.approx(0.3)


async def test_each_pipeline_has_its_own_usual_time_once_five_are_known(here: Bench) -> None:
    for number in range(4):
        slow = await lasted(here, number, 60, wishes={"pipeline_code": "slow"})
    for number in range(5, 15):
        quick = await lasted(here, number, 6)
    assert await usual(here, slow) == pytest.approx(0.1), "four are too few"
    slow = await lasted(here, 4, 60, wishes={"pipeline_code": "slow"})
    assert await usual(here, slow) == pytest.approx(1.0)
    assert await usual(here, quick) == pytest.approx(0.1)
    for number in range(20, 30):  # what has failed says nothing
        failed = await accepted(here, f"job_{number}", wishes={"pipeline_code": "slow"})
        await records.move(here.db, failed.id, State.FAILED)
    assert await usual(here, slow) == pytest.approx(1.0)


async def test_a_work_that_a_person_has_found_is_looked_at(here: Bench) -> None:
    submission = await here.worked(await here.submit("talk.wav", operation="separation"))
    remote_id = submission.remote_id
    await here.db.execute("update receiver.submissions set remote_id = null")
    await records.move(here.db, submission.id, State.UNKNOWN)
    async with here.db.acquire() as connection:
        await resolving.found(connection, submission.id, str(remote_id))
    await watcher(here).look()
    assert (await here.now(submission)).state is State.ENDED


async def test_a_completed_work_that_names_no_files_is_not_done(here: Bench) -> None:
    here.wanted["separation.completed"] = ("stems",)
    submission = await here.worked(await here.submit("talk.wav", operation="separation"))
    remote_id = submission.remote_id
    await looked(here, submission)
    await here.db.execute("update receiver.submissions set remote_id = 'job_gone'")
    submission = await here.worked(submission, "pending")
    assert (submission.state, await here.events()) == (State.ENDED, [])
    await here.db.execute("update receiver.submissions set remote_id = $1", remote_id)
    await records.wake(here.db, [submission])
    assert (await here.worked(submission)).state is State.DONE


async def test_files_that_do_not_come_leave_it_ended_and_a_replay_fetches_them(here: Bench) -> None:
    submission = await here.worked(await here.submit("talk.wav", operation="separation"))
    await looked(here, submission)
    small = Shelf(here.shelf.place, most=10)
    async with here.working(working.handler(Working(here.interested, small))):
        await here.until_job(submission, "dead")
    assert ((await here.now(submission)).state, await here.events()) == (State.ENDED, [])
    assert "RECEIVER_ARTIFACT_MAX_MB" in ((await here.job(submission)).error or "")
    with pytest.raises(ImpossibleError, match=r"is ended, and its job was given up: .*RECEIVER_ARTIFACT_MAX_MB"):
        await results.until_over(here.db, submission.id, nobody)
    await records.wake(here.db, [submission])
    assert (await here.worked(submission)).state is State.DONE


def listed(provider: Simulated) -> list[Any]:
    """Return the requests that looked at jobs."""
    asked = provider.http.get("/sandbox/requests").json()["requests"]
    return [one for one in asked if LISTED in one["path"]]
