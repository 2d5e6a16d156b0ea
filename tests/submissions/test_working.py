"""`submissions.working`: what is sent is paid for once, and what was paid for is kept."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from itertools import chain, repeat
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from receiver.database import Pool
from receiver.errors import ImpossibleError
from receiver.events import Event
from receiver.handling import Context
from receiver.providers import archive
from receiver.submissions import announcing, ordering, paying, records, resolving, results, working
from receiver.submissions.asking import Terms
from receiver.submissions.moves import State
from receiver.submissions.records import Change, Submission
from receiver.submissions.shelf import Shelf
from receiver.submissions.working import Working
from tests.submissions.submitting import PAYING, Bench, audio_bench, bench, server_bench
from tests.worker.working import until

AGAIN, FAIL = Terms(if_lost="again"), Terms(if_lost="fail")


@pytest_asyncio.fixture
async def here(db: Pool, receiver_database: str) -> AsyncIterator[Bench]:
    async with bench(db, receiver_database) as found:
        yield found


async def nobody(_: Submission) -> None:
    """Wait without a word."""


async def test_a_submission_becomes_an_event_with_its_text_and_is_charged_once(here: Bench) -> None:
    here.wanted["transcription.completed"] = ("transcripts",)
    submission = await here.worked(await here.submit())
    assert (submission.state, submission.paid_tries, here.charges()) == (State.DONE, 1, 1)
    (event,) = await here.events()
    assert (event.key, event.type, event.transcription_id) == (
        submission.event,
        "transcription.completed",
        submission.id,
    )
    assert [job.handler for job in event.jobs] == ["transcripts"]
    told = await here.data(event)
    assert told["submission"]["options"]["language"] == "en"
    kept = await archive.kept(here.db, announcing.subject(submission), "result")
    assert kept is not None
    assert here.client.transcript("transcription", kept).text.strip()
    assert told["transcription"]["completed_at"] == announcing.subject(submission).completed_at


async def test_sent_is_written_before_the_first_byte_goes_out(here: Bench) -> None:
    submission, states = await here.submit(), list[str]()

    async def look(request: httpx.Request) -> None:
        if request.url.path.endswith(PAYING):
            states.append((await here.now(submission)).state)

    here.transport.before = look
    await here.worked(submission)
    assert states == ["sent"]


@pytest.mark.parametrize("kind", ["html", "malformed", "huge", "redirect"])
async def test_a_lost_answer_is_shown_and_never_asked_for_again_by_itself(here: Bench, kind: str) -> None:
    here.wanted["submission.unknown"] = ("tell-me",)
    here.plan(kind)
    submission = await here.worked(await here.submit())
    assert (submission.state, submission.paid_tries) == (State.UNKNOWN, 1)
    assert (here.paying_requests(), here.charges()) == (1, 1)
    (event,) = await here.events()
    assert (event.type, [job.handler for job in event.jobs]) == ("submission.unknown", ["tell-me"])
    assert submission.error is not None
    assert submission.event is None, "that event is not its end"


@pytest.mark.parametrize(("of", "paying_path"), [(bench, PAYING), (audio_bench, "/audio/separate")])
async def test_an_answer_that_cannot_be_read_is_kept(
    db: Pool, receiver_database: str, of: Callable[..., AbstractAsyncContextManager[Bench]], paying_path: str
) -> None:
    operation = "transcription" if of is bench else "separation"
    async with of(db, receiver_database) as here:
        here.plan("malformed", paying_path)
        submission = await here.worked(await here.submit("talk.wav", operation=operation))
    assert submission.state is State.UNKNOWN
    kept = await archive.kept(here.db, announcing.subject(submission), "unreadable/1")
    assert (kept or b"").startswith(b"{")


async def test_whoever_finds_it_sent_says_that_nobody_knows(here: Bench) -> None:
    """The worker died after `sent` was on disk. Perhaps no byte went out, and perhaps all of it is paid for."""
    submission = await here.submit()
    await records.move(here.db, submission.id, State.SENT, Change(tries=1))
    submission = await here.worked(submission)
    assert (submission.state, submission.error) == (State.UNKNOWN, working.NO_ANSWER)
    assert (here.paying_requests(), [event.type for event in await here.events()]) == (0, ["submission.unknown"])


async def test_with_again_it_is_sent_once_more_and_then_a_person_is_asked(here: Bench) -> None:
    here.plan("html", times=2)
    submission = await here.worked(await here.submit(terms=AGAIN))
    assert (submission.state, submission.paid_tries) == (State.UNKNOWN, 2)
    assert (here.paying_requests(), here.charges()) == (2, 2)


async def test_with_again_the_second_answer_is_the_result(here: Bench) -> None:
    here.plan("html")
    submission = await here.worked(await here.submit(terms=AGAIN))
    assert (submission.state, here.charges()) == (State.DONE, 2)


async def test_a_refusal_of_the_second_try_says_nothing_of_the_first(here: Bench) -> None:
    here.plan("html")
    submission = await here.worked(await here.submit("fail.mp3", terms=AGAIN))
    assert (submission.state, submission.paid_tries, here.paying_requests()) == (State.UNKNOWN, 2, 2)
    assert [event.type for event in await here.events()] == ["submission.unknown"]


async def test_with_fail_a_lost_answer_is_the_end(here: Bench) -> None:
    here.plan("html")
    submission = await here.worked(await here.submit(terms=FAIL))
    assert (submission.state, here.paying_requests()) == (State.FAILED, 1)
    (event,) = await here.events()
    assert event.type == "transcription.failed"
    assert "502" in (await here.data(event))["submission"]["error"]


async def test_a_person_lets_it_be_sent_once_more_or_gives_it_up(here: Bench) -> None:
    here.plan("html", times=2)
    first, second = await here.submit(), await here.submit(prompt="another one")
    await here.worked(first)
    await here.worked(second)
    async with here.db.acquire() as connection:
        await resolving.again(connection, first.id)
        await resolving.give_up(connection, second.id)
    assert (await here.worked(first)).state is State.DONE
    assert (await here.worked(second)).state is State.FAILED
    assert here.charges() == 3
    ends = {event.type for event in (await here.events())[2:]}
    assert ends == {"transcription.completed", "transcription.failed"}


async def test_nobody_can_look_at_a_work_of_a_provider_that_answers_with_the_result(here: Bench) -> None:
    here.plan("html")
    submission = await here.worked(await here.submit())
    async with here.db.acquire() as connection:
        with pytest.raises(ImpossibleError, match="thunderscribe answers with the result"):
            await resolving.found(connection, submission.id, "42")
    assert (await here.now(submission)).state is State.UNKNOWN


async def test_a_refusal_is_the_end_and_costs_nothing(here: Bench) -> None:
    submission = await here.worked(await here.submit("fail.mp3"))
    assert (submission.state, submission.paid_tries, here.charges()) == (State.FAILED, 0, 0)
    (event,) = await here.events()
    assert (event.type, event.transcription_id) == ("transcription.failed", submission.id)
    assert "Invalid file format" in (submission.error or "")


async def test_what_was_not_done_waits_and_is_announced_by_nothing(here: Bench) -> None:
    here.plan("429")
    submission = await here.worked(await here.submit(), "pending")
    assert (submission.state, submission.paid_tries) == (State.UPLOADED, 0)
    job = await here.job(submission)
    assert "429" in (job.error or "")
    assert job.waits_seconds > 50
    assert (here.paying_requests(), here.charges(), await here.events()) == (1, 0, [])


async def test_a_server_that_cannot_be_reached_has_been_sent_nothing(here: Bench) -> None:
    submission = await here.submit()

    async def refuse(request: httpx.Request) -> None:
        raise httpx.ConnectError("refused", request=request)

    here.transport.before = refuse
    submission = await here.worked(submission, "pending")
    assert (submission.state, submission.paid_tries) == (State.UPLOADED, 0)


async def test_a_call_that_is_cut_off_is_unknown_to_the_next_worker(here: Bench) -> None:
    submission, held = await here.submit(), here.hold()
    async with here.working():
        await held.under_way.wait()
    assert ((await here.now(submission)).state, (await here.job(submission)).state) == (State.SENT, "pending")
    here.transport.before = None
    assert (await here.worked(submission)).state is State.UNKNOWN
    assert here.paying_requests() == 0


async def test_an_answer_that_comes_after_all_is_used(here: Bench) -> None:
    """Another worker has thought the first one dead, and has told a person. The answer is paid for, so it counts."""
    submission, held = await here.submit(), here.hold()
    async with here.working():
        await held.under_way.wait()
        await lapse(here, submission)
        async with here.working():
            await here.until_state(submission, State.UNKNOWN)
            await here.until_job(submission, "done")
            held.go.set()
            await here.until_state(submission, State.DONE)
    assert here.charges() == 1
    assert [event.type for event in await here.events()] == ["submission.unknown", "transcription.completed"]


async def test_an_answer_to_a_try_that_was_given_up_changes_nothing(here: Bench) -> None:
    submission, held = await here.submit(), here.hold()
    async with here.working():
        await held.under_way.wait()
        await records.move(here.db, submission.id, State.UNKNOWN)
        async with here.db.acquire() as connection:
            await resolving.give_up(connection, submission.id)
        held.go.set()
        await here.until_job(submission, "done")
    assert (await here.now(submission)).state is State.FAILED
    assert [event.type for event in await here.events()] == ["transcription.failed"]


async def test_an_answer_to_an_earlier_try_is_not_that_of_the_one_under_way(here: Bench) -> None:
    submission, held = await here.submit(), here.hold()
    async with here.working() as worker:
        await held.under_way.wait()
        await records.move(here.db, submission.id, State.UNKNOWN)
        async with here.db.acquire() as connection:
            await resolving.again(connection, submission.id)
        await records.move(here.db, submission.id, State.SENT, Change(tries=1))  # another worker sends it now
        worker.leave()
        held.go.set()
        await here.until_state(submission, State.UNKNOWN)  # the worker finds it sent, and knows of no answer
    found = await here.now(submission)
    assert (found.paid_tries, found.error) == (2, working.NO_ANSWER)
    about = announcing.subject(found)
    assert (await archive.kept(here.db, about, "result"), bool(await archive.kept(here.db, about, "late/1"))) == (
        None, True,
    )  # fmt: skip


async def test_an_id_that_comes_too_late_is_told(
    db: Pool, receiver_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with audio_bench(db, receiver_database) as here:
        submission = await here.submit("talk.wav", operation="separation")

        async def give_up(request: httpx.Request) -> None:
            if request.url.path.endswith("/audio/separate"):
                here.transport.before = None
                await records.move(db, submission.id, State.UNKNOWN)
                async with db.acquire() as connection:
                    await resolving.again(connection, submission.id)
                await records.move(db, submission.id, State.SENT, Change(tries=1))  # another worker sends it now

        here.transport.before = give_up
        async with here.working():
            await here.until_job(submission, "done")
        (work,) = here.sandbox.timbr_audio.jobs.values()
    said = f"{submission.id}: an answer came to a try that was given up before: it has become {work.id}; it is not used"
    assert said in caplog.messages


async def test_a_late_error_does_not_end_what_is_to_be_sent_again(here: Bench) -> None:
    submission, held = await here.submit("fail.mp3"), here.hold()
    async with here.working():
        await held.under_way.wait()
        await records.move(here.db, submission.id, State.UNKNOWN)
        async with here.db.acquire() as connection:
            await resolving.again(connection, submission.id)
        held.go.set()
        await here.until_job(submission, "done")
    submission = await here.now(submission)
    assert (submission.state, submission.paid_tries, here.paying_requests()) == (State.UNKNOWN, 2, 2)


async def test_an_answer_to_one_try_is_none_to_the_next(here: Bench) -> None:
    submission, held = await here.submit(), here.hold()
    async with here.working():
        await held.under_way.wait()
        await records.move(here.db, submission.id, State.UNKNOWN)
        async with here.db.acquire() as connection:
            await resolving.again(connection, submission.id)
        await records.move(here.db, submission.id, State.SENT, Change(tries=1))  # by another worker, which has died
        held.go.set()
        await here.until_job(submission, "done")
    assert (await here.now(submission)).state is State.UNKNOWN


async def test_a_process_that_pays_for_nothing_leaves_it_to_another(here: Bench) -> None:
    submission = await here.submit()
    idle = working.handler(Working(here.interested, here.shelf, pays=False))
    async with here.working(idle):
        await here.until_job(submission, "pending")
    assert ((await here.now(submission)).state, here.paying_requests()) == (State.UPLOADED, 0)


async def test_an_upload_that_has_expired_is_not_paid_for_and_the_same_command_uploads_again(here: Bench) -> None:
    submission = await here.submit()
    await here.db.execute("update receiver.submissions set remote_file_expires_at = now()")
    submission = await here.worked(submission)
    assert (submission.state, submission.error, here.charges()) == (State.INTENDED, working.EXPIRED, 0)
    with pytest.raises(ImpossibleError, match="was not sent: the provider has thrown the upload away"):
        results.require_done(await results.until_over(here.db, submission.id, nobody))
    assert (await here.submit()).id == submission.id
    assert (await here.worked(submission)).state is State.DONE
    assert here.charges() == 1


async def test_what_the_database_refuses_to_keep_is_unknown_and_says_so(here: Bench) -> None:
    submission = await here.submit()
    await here.db.execute("alter table receiver.submissions add check (state <> 'ended')")
    submission = await here.worked(submission)
    assert (submission.state, submission.error, here.charges()) == (
        State.UNKNOWN, "its answer cannot be kept: CheckViolationError", 1,
    )  # fmt: skip
    assert [event.type for event in await here.events()] == ["submission.unknown"]


async def test_whoever_has_lost_its_job_moves_nothing(here: Bench) -> None:
    asked, fetched = replace(here.asked(), file=None, url="https://files.test/talk.mp3"), asyncio.Event()
    submission, _ = await ordering.submit(here.client, here.db, asked, here.shelf)

    async def answer(_: httpx.Request) -> httpx.Response:
        await here.db.execute("update receiver.jobs set attempt = attempt + 1")  # another worker has claimed it
        fetched.set()
        return httpx.Response(404)

    def browser() -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(answer))

    async with here.working(working.handler(Working(here.interested, here.shelf, browser=browser))) as worker:
        await fetched.wait()
        await worker.drained()
    assert (await here.now(submission)).state is State.INTENDED


async def test_whoever_has_lost_its_job_pays_for_nothing(here: Bench) -> None:
    """Calls are not stopped when their lease is lost, and the next worker takes what it finds sent for lost."""
    submission, own, claimed = (
        await here.submit(),
        working.handler(Working(here.interested, here.shelf)),
        asyncio.Event(),
    )

    async def late(event: Event, ctx: Context) -> None:
        await here.db.execute("update receiver.jobs set attempt = attempt + 1")  # another worker has claimed it
        claimed.set()
        await own(event, ctx)

    async with here.working(replace(own, function=late)) as worker:
        await claimed.wait()
        await worker.drained()
    assert ((await here.now(submission)).state, here.paying_requests()) == (State.UPLOADED, 0)


async def test_a_call_has_the_time_of_a_whole_job(here: Bench) -> None:
    submission, times = await here.submit(), chain([0.0, 901.0], repeat(0.0))  # something took a quarter of an hour
    async with here.working(working.handler(Working(here.interested, here.shelf, clock=lambda: next(times)))):
        await here.until_job(submission, "done")
    assert ((await here.now(submission)).state, here.charges()) == (State.DONE, 1)
    assert (await here.job(submission)).attempt == 2, "the first attempt had no time for it"


async def of_address(here: Bench, answer: Callable[[httpx.Request], httpx.Response]) -> Submission:
    """Submit an address that answers so, and return what becomes of it."""
    asked = replace(here.asked(), file=None, url="https://files.test/shows/talk.mp3?ticket=1", duration_seconds=None)
    submission, _ = await ordering.submit(here.client, here.db, asked, here.shelf)
    assert (submission.state, len(here.sandbox.asked)) == (State.INTENDED, 0)

    def browser() -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(answer))

    async def nothing_waits() -> bool:
        """What was fetched is removed after the job has ended."""
        return not [path for path in here.shelf.place.rglob("*") if path.is_file()]

    async with here.working(working.handler(Working(here.interested, here.shelf, browser=browser))):
        await here.until_job(submission, "done")
        await until(nothing_waits)
    return await here.now(submission)


async def test_an_address_is_fetched_for_a_provider_that_takes_files(here: Bench) -> None:
    content = b"a recording"
    headers = {"Content-Length": str(len(content))}
    submission = await of_address(
        here, lambda _: httpx.Response(200, headers=headers, stream=httpx.ByteStream(content))
    )
    assert (submission.state, submission.bytes, here.charges()) == (State.DONE, len(content), 1)
    (file,) = here.sandbox.files()
    assert (file.filename, file.received) == ("talk.mp3", len(content))


async def test_an_address_with_nothing_there_is_a_failure_that_costs_nothing(here: Bench) -> None:
    submission = await of_address(here, lambda _: httpx.Response(404))
    assert (submission.state, here.charges(), len(here.sandbox.asked)) == (State.FAILED, 0, 0)
    (event,) = await here.events()
    assert event.type == "transcription.failed"
    assert "cannot be fetched" in (submission.error or "")


@pytest.mark.parametrize(("seconds", "patience"), [(1, 601), (60, 660), (7200, 7800), (10**6, 10800), (None, 10800)])
def test_a_call_is_waited_for_by_the_length_of_its_recording(seconds: float | None, patience: float) -> None:
    assert paying.patience(seconds) == patience


async def lapse(here: Bench, submission: Submission) -> None:
    """Let the job's lease be over, and let another worker claim it."""
    job = (await here.job(submission)).id
    await here.db.execute("update receiver.jobs set state = 'pending', due_at = now() where id = $1", job)


async def test_what_is_fetched_goes_along_with_the_request_where_nothing_is_uploaded(
    db: Pool, receiver_database: str
) -> None:
    async with server_bench(db, receiver_database) as here:
        content = b"a recording"
        headers = {"Content-Length": str(len(content))}
        submission = await of_address(
            here, lambda _: httpx.Response(200, headers=headers, stream=httpx.ByteStream(content))
        )
        (file,) = here.sandbox.files()
        assert (submission.state, file.received, here.charges()) == (State.DONE, len(content), 1)


async def test_a_file_that_goes_along_is_sent_by_the_machine_that_has_it(
    db: Pool, receiver_database: str, tmp_path: Path
) -> None:
    async with server_bench(db, receiver_database) as here:
        submission = await here.submit()
        elsewhere = working.handler(Working(here.interested, Shelf(tmp_path, most=2**30)))
        async with here.working(elsewhere):
            await here.until_job(submission, "pending")
        assert (await here.job(submission)).error == (
            f"its file is not here as it was put aside on {submission.remote_file}: run a worker there, "
            "or submit it again"
        )
        assert ((await here.now(submission)).state, here.paying_requests()) == (State.UPLOADED, 0)
        await lapse(here, submission)
        assert (await here.worked(submission)).state is State.DONE
        assert here.charges() == 1
